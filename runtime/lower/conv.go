package lower

import (
	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// conv selects how a convolution, a transposed one or a gradient of one (conv_grad.go) is computed.
func (s *selector) conv(n *ir.Node) (bool, error) {
	switch op := n.Op.(type) {
	case *ops.Conv:
		return s.convolution(n, op, kernel.Activation{})
	case *ops.FusedConv:
		act, ok := activationOf(&op.Epilogue)
		if !ok {
			return false, nil
		}
		return s.convolution(n, &op.Conv, act)
	case *ops.ConvTranspose:
		return s.convTranspose(n, op)
	case *ops.ConvGradInput:
		return s.convGradInput(n, &op.Conv)
	case *ops.ConvGradWeights:
		return s.convGradWeights(n, &op.Conv)
	}
	return false, nil
}

func (s *selector) convolution(n *ir.Node, op *ops.Conv, act kernel.Activation) (bool, error) {
	if s.blocks(n) {
		if done, err := s.blockedConv(n, op, act); done || err != nil {
			return done, err
		}
	}
	return s.plainConv(n, op, act)
}

// plainConv computes a convolution of one to three dimensions on plain arrays.
func (s *selector) plainConv(n *ir.Node, op *ops.Conv, act kernel.Activation) (bool, error) {
	in, weights := sizes(n.In(0)), sizes(n.In(1))
	if !hasSpatial(in) {
		return false, nil
	}
	w, err := op.Window(in[2:], weights[2:])
	if err != nil {
		return false, err
	}
	k, err := kernel.NewConv(kernel.ConvSpec{
		N: in[0], C: in[1], OutC: weights[0], Group: op.Group, Spatial: spatial(w),
		Weights: constFloat32(n.In(1)), Bias: n.In(2) != nil, Act: act, Split: s.splitProduct(n), Packs: s.opts.Packs,
	})
	if err != nil {
		return false, err
	}
	y, x, wt := s.array(n.Out(0), Plain), s.array(n.In(0), Plain), s.array(n.In(1), Plain)
	bias, residual := s.array(n.In(2), Plain), s.array(n.In(3), Plain)
	s.plain(n, k, func(m *Memory, task, worker int) {
		k.Run(task, m.F32(y), m.F32(x), m.F32(wt), m.F32(bias), m.F32(residual), m.Scratch[worker])
	})
	return true, nil
}

func (s *selector) convTranspose(n *ir.Node, op *ops.ConvTranspose) (bool, error) {
	in, weights := sizes(n.In(0)), sizes(n.In(1))
	if !hasSpatial(in) {
		return false, nil
	}
	w, err := op.Window(in[2:], weights[2:])
	if err != nil {
		return false, err
	}
	k, err := kernel.NewConvTranspose(kernel.ConvTransposeSpec{
		N: in[0], C: in[1], OutC: weights[1] * op.Group, Group: op.Group, Spatial: spatial(w),
		Weights: constFloat32(n.In(1)), Bias: n.In(2) != nil, Split: s.splitProduct(n), Packs: s.opts.Packs,
	})
	if err != nil { // strides beyond what the kernel takes
		return false, nil
	}
	y, x, wt, bias := s.array(n.Out(0), Plain), s.array(n.In(0), Plain), s.array(n.In(1), Plain), s.array(n.In(2), Plain)
	s.plain(n, k, func(m *Memory, task, worker int) {
		k.Run(task, m.F32(y), m.F32(x), m.F32(wt), m.F32(bias), m.Scratch[worker])
	})
	return true, nil
}

// blockedConv computes act(Conv + residual) of two dimensions on blocked data. An activation that would fill the padding of
// the channels is applied to the plain result.
func (s *selector) blockedConv(n *ir.Node, op *ops.Conv, act kernel.Activation) (bool, error) {
	spec, ok, err := s.blockedConvSpec(n, op)
	if !ok || err != nil {
		return false, err
	}
	late := sizes(n.Out(0))[1]%kernel.Block != 0 && !act.KeepsZero()
	if !late {
		spec.Act = act
	}
	var c Candidate
	if isDepthwiseConv(spec) {
		c = depthwiseCandidate(spec)
	} else if c, err = s.chooseConv(spec); err != nil {
		return false, err
	}
	light, err := c.light()
	if err != nil {
		return false, err
	}
	layout := Blocked
	if spec.Plain {
		layout = Plain
	}
	x := s.read(n.In(0), layout)
	if !spec.Residual && !spec.Packed && !late {
		if done, err := s.convPool(n, c, light, x); done || err != nil {
			return done, err
		}
	}
	if late {
		y := s.floats("without activation", s.array(n.Out(0), Blocked).Len)
		y.Layout = Blocked
		s.convStep(n, c, light, x, y)
		return true, s.activatePlain(n, act, y)
	}
	s.convStep(n, c, light, x, s.write(n.Out(0), Blocked))
	return true, nil
}

// blockedConvSpec describes a convolution on blocked data, all but its activation; ok is false where there is no kernel for
// it, or memory would not hold its channels filled up to whole blocks.
func (s *selector) blockedConvSpec(n *ir.Node, op *ops.Conv) (spec kernel.BlockedConvSpec, ok bool, err error) {
	in, weights := sizes(n.In(0)), sizes(n.In(1))
	spec = kernel.BlockedConvSpec{
		N: in[0], C: in[1], OutC: weights[0], Group: op.Group, Weights: constFloat32(n.In(1)), Bias: constFloat32(n.In(2)),
		Residual: n.In(3) != nil, Strict: s.opts.Strict, Split: s.splitProduct(n), Set: s.opts.Set, Packs: s.opts.Packs,
	}
	if s.swells(in) || s.swells(sizes(n.Out(0))) || s.swells([]int{1, weights[0], product(weights[1:]), 1}) || spec.C == 0 {
		return spec, false, nil
	}
	if !known(n) {
		spec.Packed, spec.Weights, spec.Bias = true, nil, nil
	}
	whole := spec.Group == 1 || spec.C/spec.Group%kernel.Block == 0 && spec.OutC/spec.Group%kernel.Block == 0
	if !whole && !isDepthwiseConv(spec) {
		return spec, false, nil
	}
	w, err := op.Window(in[2:], weights[2:])
	if err != nil {
		return spec, false, err
	}
	spec.Spatial = spatial(w)
	if isDepthwiseConv(spec) {
		return spec, true, nil
	}
	rows, cols := (w.Kernel[0]-1)*w.Dilation[0]+1, (w.Out[1]-1)*w.Stride[1]+(w.Kernel[1]-1)*w.Dilation[1]+1
	if s.swells([]int{s.opts.Threads, spec.C, rows, cols}) { // a copy with borders, for one row of outputs
		return spec, false, nil
	}
	spec.Plain = spec.C < kernel.Block/2 && spec.Group == 1 && !s.isIn(n.In(0), Blocked)
	return spec, true, nil
}

// known reports whether the weights and the bias, if any, of a convolution are constants.
func known(n *ir.Node) bool {
	return constFloat32(n.In(1)) != nil && (n.In(2) == nil || constFloat32(n.In(2)) != nil)
}

// isDepthwiseConv reports whether each channel is convolved by itself.
func isDepthwiseConv(spec kernel.BlockedConvSpec) bool {
	return spec.Group > 1 && spec.Group == spec.C && spec.OutC == spec.C && !spec.Residual
}

// convStep makes the step of a convolution of x, with another value added to it if the node has one, to y. light is the kernel
// without weights.
func (s *selector) convStep(n *ir.Node, c Candidate, light ConvKernel, x, y *Array) {
	var r *Array
	if c.Spec.Residual {
		r = s.read(n.In(3), Blocked)
	}
	if c.Spec.Packed {
		packed := s.pack(n, light, n.In(1), n.In(2))
		s.step(n, light, arrays(x, r, packed), arrays(y), func(m *Memory, task, worker int) {
			light.RunPacked(task, m.F32(y), m.F32(x), m.F32(packed), m.F32(r), m.Scratch[worker])
		}).Cost = c.Cost
		return
	}
	st := s.later(n, arrays(x, r), arrays(y), func(*Step) (tasked, Task, error) {
		k, err := c.Make(c.Spec)
		return k, func(m *Memory, task, worker int) {
			k.Run(task, m.F32(y), m.F32(x), m.F32(r), m.Scratch[worker])
		}, err
	})
	st.Algorithm, st.Cost = algorithm(light), c.Cost
}

// convPool makes one step of a convolution and of the MaxPool that alone reads its result, where that saves time: the
// result then is never in memory as a whole.
func (s *selector) convPool(n *ir.Node, c Candidate, light ConvKernel, x *Array) (done bool, err error) {
	conv, direct := light.(*kernel.BlockedConv)
	pool := s.onlyReader(n.Out(0))
	if !direct || pool == nil {
		return false, nil
	}
	op, ok := pool.Op.(*ops.MaxPool)
	if !ok || len(pool.Outputs()) != 1 || !s.isBlockable(pool.Out(0)) {
		return false, nil
	}
	spec := kernel.BlockedPoolSpec{Kind: kernel.MaxPool}
	if ok, err := s.describePool(pool, &spec, op.Window); !ok || err != nil {
		return false, err
	}
	both, err := conv.Pooled(spec)
	if err != nil || !both.Saves() {
		return false, err
	}
	y := s.write(pool.Out(0), Blocked)
	st := s.later(n, arrays(x), arrays(y), func(*Step) (tasked, Task, error) {
		k, err := c.Make(c.Spec)
		if err != nil {
			return nil, nil, err
		}
		both, err := k.(*kernel.BlockedConv).Pooled(spec)
		return both, func(m *Memory, task, worker int) { both.Run(task, m.F32(y), m.F32(x), m.Scratch[worker]) }, err
	})
	st.Nodes, st.Algorithm, st.Cost = append(st.Nodes, pool), both.Algorithm(), c.Cost
	s.covered[pool] = true
	return true, nil
}

// activatePlain applies a function to the result of n, which lies in blocked without it, in the plain layout.
func (s *selector) activatePlain(n *ir.Node, act kernel.Activation, blocked *Array) error {
	shape, y := sizes(n.Out(0)), s.write(n.Out(0), Plain)
	k, err := kernel.NewFromBlocked(kernel.LayoutSpec{N: shape[0], C: shape[1], Plane: shape[2] * shape[3], Split: s.split(), Set: s.opts.Set})
	if err != nil {
		return err
	}
	s.helper(n, "from blocked", arrays(blocked), arrays(y), s.phase(k, func(m *Memory, task, _ int) { k.Run(task, m.F32(y), m.F32(blocked)) }))
	spec := kernel.UnarySpec{Op: act.Op, Alpha: act.Min, Beta: act.Max, Len: y.Len, Split: s.split(), Set: s.opts.Set}
	if act.Kind == kernel.Clip {
		spec.Op = kernel.UnaryClip
	}
	f, err := kernel.NewUnary(spec)
	if err != nil {
		return err
	}
	s.helper(n, "activation", arrays(y), arrays(y), s.phase(f, func(m *Memory, task, _ int) { f.Run(task, m.F32(y), m.F32(y)) }))
	return nil
}

// phase is the tasks of a kernel.
func (s *selector) phase(k tasked, task Task) Phase {
	s.Scratch = max(s.Scratch, k.ScratchSize())
	return Phase{Tasks: k.Tasks(), Task: task}
}

// packer is a kernel whose weights come with each Run, as those that are being taught do: a step of their own packs them.
type packer interface {
	PackedSize() int
	PackTasks() int
	PackScratchSize() int
	Pack(task int, packed, weights, bias, scratch []float32)
}

// pack makes a step that packs weights and a bias, which may be absent, and returns what it makes.
func (s *selector) pack(n *ir.Node, k packer, weights, bias *ir.Value) *Array {
	w, b := s.read(weights, Plain), s.read(bias, Plain)
	packed := s.floats("packed weights", k.PackedSize())
	s.Scratch = max(s.Scratch, k.PackScratchSize())
	s.helper(n, "pack weights", arrays(w, b), arrays(packed), Phase{Tasks: k.PackTasks(), Task: func(m *Memory, task, worker int) {
		k.Pack(task, m.F32(packed), m.F32(w), m.F32(b), m.Scratch[worker])
	}})
	return packed
}
