package runtime

import (
	"math"
	"reflect"
	"slices"

	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// lowerTraining makes the steps of what only training has, in the blocked layout but for elementwise functions; done is
// false for other nodes, and for forms that the kernels do not have.
func (p *plan) lowerTraining(n *ir.Node) (done bool, err error) {
	switch op := n.Op.(type) {
	case *ops.Relu:
		return p.hasBlocked(n.Out(0)), nil // computed with the node before it
	case *ops.BatchNormalization:
		if op.TrainingMode {
			return p.trainBatchNorm(n, op)
		}
	case *ops.BatchNormalizationGrad:
		return p.batchNormGrad(n, op)
	case *ops.PointwiseGrad:
		return p.pointwiseGrad(n, op)
	case *ops.MaxPoolGrad:
		return p.maxPoolGrad(n, op)
	case *ops.AveragePoolGrad:
		return p.averagePoolGrad(n, op)
	case *ops.LRNGrad:
		return p.lrnGrad(n, op)
	case *ops.Expand:
		return p.spread(n)
	case *ops.Add:
		return p.rectifiedSum(n)
	}
	return false, nil
}

// onlyReader is the node of p's graph that alone reads v, which is no output; nil if there is none, or if it has more inputs
// than any that another node's work could go with: each of them may be asked for it.
func (p *plan) onlyReader(v *ir.Value) *ir.Node {
	const most = 16
	uses := v.Uses()
	if len(uses) != 1 || len(uses[0].Node.Inputs()) > most || v.IsOutput() || uses[0].Node.Graph() != p.graph || !p.static(uses[0].Node) {
		return nil
	}
	return uses[0].Node
}

// mayOverwrite reports whether the only reader of v, which lies in a slot, may write there: nothing else lies in it.
func (p *plan) mayOverwrite(v *ir.Value, slot int) bool {
	if p.slots[slot].kind != planned || p.onlyReader(v) == nil {
		return false
	}
	for _, s := range p.slots {
		if s.kind == aliased && s.alias == slot {
			return false
		}
	}
	for _, layout := range []map[int]int{p.blocked, p.rows} {
		for other, at := range layout {
			if at == slot && other != v.ID() {
				return false
			}
		}
	}
	return true
}

// overBlocked gives the output of n a place in the blocked layout: that of its input v where this is possible.
func (p *plan) overBlocked(n *ir.Node, v, out *ir.Value) int {
	slot, ok := p.blocked[v.ID()]
	if !ok || slot == v.ID() || !slices.Equal(sizes(v), sizes(out)) || p.onlyReader(v) == nil || !p.mayOverwrite(v, slot) {
		return p.setBlocked(out)
	}
	p.blocked[out.ID()] = slot
	p.slots[out.ID()].kind = absent
	return slot
}

// pointwiseGrad computes the gradient of an elementwise function, in the layout of what it reads. That of a rectifier that
// only the gradient of a batch normalization reads is left to it.
func (p *plan) pointwiseGrad(n *ir.Node, op *ops.PointwiseGrad) (bool, error) {
	dy, v, dx := n.In(0), n.In(1), n.Out(0)
	if !allFloat32(n) || !slices.Equal(sizes(dy), sizes(v)) {
		return false, nil
	}
	if p.hasBlocked(dx) { // computed with the node before it
		return true, nil
	}
	if op.Of == "Relu" && p.leaveToNorm(n) {
		return true, nil
	}
	blocked := p.isBlockable(dy) && (p.hasBlocked(dy) || p.hasBlocked(v))
	if blocked {
		var err error
		if blocked, err = keepsPadding(op); err != nil {
			return false, err
		}
	}
	from, at, to := dy.ID(), v.ID(), dx.ID()
	for _, in := range n.Inputs() {
		if blocked {
			continue
		}
		if err := p.needPlain(n, in); err != nil {
			return false, err
		}
	}
	if blocked {
		var err error
		if from, err = p.needBlocked(n, dy); err != nil {
			return false, err
		}
		if at, err = p.needBlocked(n, v); err != nil {
			return false, err
		}
		to = p.overBlocked(n, dy, dx)
	}
	k, err := p.newPointwiseGrad(op, p.slots[to].size/4)
	if err != nil {
		return false, err
	}
	return p.blockedStep(n, k, []int{from, at}, to, func(f *frame, task, _ int) {
		k.Run(task, f.float32s(to), f.float32s(from), f.float32s(at))
	})
}

// keepsPadding reports whether a derivative is finite at zero, so that channels that are padding stay zero.
func keepsPadding(op *ops.PointwiseGrad) (bool, error) {
	f, err := op.Derivative()
	if err != nil {
		return false, err
	}
	return !math.IsNaN(f(0) - f(0)), nil
}

// pointwiseKernel is a kernel of the gradient of an elementwise function.
type pointwiseKernel interface {
	tasked
	Run(task int, dx, dy, v []float32)
	Part(dx, dy, v []float32)
}

// newPointwiseGrad prepares the gradient of n elements.
func (p *plan) newPointwiseGrad(op *ops.PointwiseGrad, n int) (pointwiseKernel, error) {
	if act, ok := clampOf(op); ok {
		return kernel.NewClampGrad(n, act, p.split(), p.set())
	}
	spec := kernel.PointwiseGradSpec{Len: n, Split: p.split(), Set: p.set()}
	if err := describeSlope(&spec, op); err != nil {
		return nil, err
	}
	return kernel.NewPointwiseGrad(spec)
}

// behindPool is the gradient of an elementwise function, in the blocked layout, that alone reads the gradient n of a pooling;
// nil if there is none.
func (p *plan) behindPool(n *ir.Node) (*ir.Node, error) {
	next := p.onlyReader(n.Out(0))
	if next == nil {
		return nil, nil
	}
	op, ok := next.Op.(*ops.PointwiseGrad)
	if !ok || next.In(0) != n.Out(0) || !allFloat32(next) || !p.hasBlocked(next.In(1)) || !slices.Equal(sizes(next.In(0)), sizes(next.In(1))) {
		return nil, nil
	}
	if norm := p.onlyReader(next.Out(0)); op.Of == "Relu" && norm != nil {
		if _, ok := norm.Op.(*ops.BatchNormalizationGrad); ok { // which does it itself
			return nil, nil
		}
	}
	if fits, err := keepsPadding(op); !fits || err != nil {
		return nil, err
	}
	return next, nil
}

// poolGradStep emits the gradient n of a pooling, whose x and y are -1 for an average, and with it that of the elementwise
// function that alone reads it: plane by plane, while it is in the cache.
func (p *plan) poolGradStep(n *ir.Node, spec kernel.BlockedPoolSpec, dy, x, y int) (bool, error) {
	next, err := p.behindPool(n)
	if err != nil {
		return false, err
	}
	if next != nil {
		spec.Split = max(spec.Split, spec.N*kernel.Blocks(spec.C))
	}
	k, err := kernel.NewBlockedPoolGrad(spec)
	if err != nil {
		return false, err
	}
	reads := []int{dy}
	if x >= 0 {
		reads = append(reads, x, y)
	}
	if next == nil {
		dx := p.setBlocked(n.Out(0))
		return p.blockedStep(n, k, reads, dx, func(f *frame, task, _ int) {
			k.Run(task, f.float32s(dx), f.float32s(dy), f.float32s(x), f.float32s(y))
		})
	}
	dx, v := p.setBlocked(next.Out(0)), p.blocked[next.In(1).ID()]
	p.slots[n.Out(0).ID()].kind = absent
	through, err := p.newPointwiseGrad(next.Op.(*ops.PointwiseGrad), p.slots[dx].size/4)
	if err != nil {
		return false, err
	}
	return p.blockedStep(n, k, append(reads, v), dx, func(f *frame, task, _ int) {
		to := f.float32s(dx)
		k.Run(task, to, f.float32s(dy), f.float32s(x), f.float32s(y))
		lo, hi := k.Elements(task)
		through.Part(to[lo:hi], to[lo:hi], f.float32s(v)[lo:hi])
	})
}

// clampOf is the function that op is the gradient of, if it is one that only bounds.
func clampOf(op *ops.PointwiseGrad) (kernel.Activation, bool) {
	low, high, clip := op.Bounds()
	switch {
	case clip:
		return kernel.Activation{Kind: kernel.Clip, Min: low, Max: high}, true
	case op.Of == "Relu":
		return kernel.Activation{Kind: kernel.Relu}, true
	}
	return kernel.Activation{}, false
}

// describeSlope says what the derivative of another function is.
func describeSlope(spec *kernel.PointwiseGradSpec, op *ops.PointwiseGrad) error {
	f, err := op.Function()
	if err != nil {
		return err
	}
	nan := float32(math.NaN()) // no bound
	free := kernel.Slope{Lo: nan, Hi: nan}
	switch f := f.(type) {
	case *ops.LeakyRelu:
		spec.Slope = &kernel.Slope{Lo: 0, Hi: nan, Below: f.Alpha, Constant: 1}
	case *ops.HardSigmoid:
		if f.Alpha > 0 {
			spec.Slope = &kernel.Slope{Lo: -f.Beta / f.Alpha, Hi: (1 - f.Beta) / f.Alpha, Constant: f.Alpha}
		}
	case *ops.HardSwish:
		spec.Slope = &kernel.Slope{Lo: math.Nextafter32(-3, -4), Hi: math.Nextafter32(3, 4), Above: 1, Constant: 0.5, Linear: 1. / 3}
	case *ops.Tanh:
		if op.Result {
			free.Constant, free.Square = 1, -1
			spec.Slope = &free
		}
	case *ops.Sigmoid:
		if op.Result {
			free.Linear, free.Square = 1, -1
			spec.Slope = &free
		}
	case *ops.Exp:
		if op.Result {
			free.Linear = 1
			spec.Slope = &free
		}
	case *ops.Swish:
		spec.Op, spec.Alpha = new(kernel.UnaryOp), f.Alpha
		*spec.Op = kernel.UnarySwish
	case *ops.Gelu:
		if f.Approximate != "tanh" {
			spec.Op = new(kernel.UnaryOp)
			*spec.Op = kernel.UnaryGelu
		}
	}
	if spec.Slope == nil && spec.Op == nil {
		spec.Function, err = op.Derivative()
	}
	return err
}

// maxPoolGrad spreads the gradient of a maximum. The maximum itself comes from the pooling, if that is in the graph, or is
// computed anew.
func (p *plan) maxPoolGrad(n *ir.Node, op *ops.MaxPoolGrad) (bool, error) {
	dy, x := n.In(0), n.In(1)
	if !p.isBlockable(dy) || !p.isBlockable(x) || !p.isBlockable(n.Out(0)) || p.swells(sizes(x)) {
		return false, nil
	}
	spec := kernel.BlockedPoolSpec{Kind: kernel.MaxPool}
	if err := p.describePoolOf(x, &spec, op.Window); err != nil {
		return false, err
	}
	from, err := p.needBlocked(n, x)
	if err != nil {
		return false, err
	}
	d, err := p.needBlocked(n, dy)
	if err != nil {
		return false, err
	}
	y, err := p.maxima(n, &op.MaxPool, spec, from)
	if err != nil {
		return false, err
	}
	return p.poolGradStep(n, spec, d, from, y)
}

// describePoolOf completes the description of a pooling of x, whose kind is known.
func (p *plan) describePoolOf(x *ir.Value, spec *kernel.BlockedPoolSpec, window windowOf) error {
	in := sizes(x)
	w, err := window(in[2:])
	spec.N, spec.C, spec.Spatial, spec.PadsEnd = in[0], in[1], spatial(w), w.PadEnd
	spec.Split, spec.Set = p.split(), p.set()
	return err
}

// maxima is the slot of what a pooling of x, of which n is the gradient, gave.
func (p *plan) maxima(n *ir.Node, op *ops.MaxPool, spec kernel.BlockedPoolSpec, x int) (int, error) {
	for _, use := range n.In(1).Uses() {
		forward, ok := use.Node.Op.(*ops.MaxPool)
		if !ok || use.Node.Graph() != p.graph || !reflect.DeepEqual(forward, op) {
			continue
		}
		if y, ok := p.blocked[use.Node.Out(0).ID()]; ok {
			return y, nil
		}
	}
	k, err := kernel.NewBlockedPool(spec)
	if err != nil {
		return 0, err
	}
	y := p.newSlot(blockedSize(spec.N, spec.C, spec.Out))
	_, err = p.blockedStep(n, k, []int{x}, y, func(f *frame, task, _ int) { k.Run(task, f.float32s(y), f.float32s(x)) })
	p.steps[len(p.steps)-1].conversion = true
	return y, err
}

func (p *plan) averagePoolGrad(n *ir.Node, op *ops.AveragePoolGrad) (bool, error) {
	dy := n.In(0)
	if !p.isBlockable(dy) || !p.isBlockable(n.Out(0)) || p.swells(sizes(n.Out(0))) {
		return false, nil
	}
	spec := kernel.BlockedPoolSpec{Kind: kernel.AveragePool, CountIncludePad: op.CountIncludePad}
	if err := p.describePoolOf(n.Out(0), &spec, op.Window); err != nil {
		return false, err
	}
	d, err := p.needBlocked(n, dy)
	if err != nil {
		return false, err
	}
	return p.poolGradStep(n, spec, d, -1, -1)
}

func (p *plan) lrnGrad(n *ir.Node, op *ops.LRNGrad) (bool, error) {
	dy, x := n.In(0), n.In(1)
	if !p.isBlockable(dy) || !p.isBlockable(x) || op.Bias <= 0 || p.swells(sizes(x)) { // 0/0 in the padding of the channels
		return false, nil
	}
	in := sizes(x)
	k, err := kernel.NewBlockedLRNGrad(kernel.LRNSpec{
		N: in[0], C: in[1], Inner: in[2] * in[3], Size: op.Size, Alpha: op.Alpha, Beta: op.Beta, Bias: op.Bias, Split: p.split(),
	}, p.set())
	if err != nil {
		return false, nil
	}
	d, err := p.needBlocked(n, dy)
	if err != nil {
		return false, err
	}
	from, err := p.needBlocked(n, x)
	if err != nil {
		return false, err
	}
	dx := p.setBlocked(n.Out(0))
	return p.blockedStep(n, k, []int{d, from}, dx, func(f *frame, task, worker int) {
		k.Run(task, f.float32s(dx), f.float32s(d), f.float32s(from), f.scratch[worker])
	})
}

// spread broadcasts one number for each plane, as the gradient of a mean over planes is.
func (p *plan) spread(n *ir.Node) (bool, error) {
	x, y := n.In(0), n.Out(0)
	if !p.isBlockable(y) || x.Type().DType != tensor.Float32 || p.swells(sizes(y)) {
		return false, nil
	}
	out := sizes(y)
	if !slices.Equal(sizes(x), []int{out[0], out[1], 1, 1}) || out[1] < kernel.Block/2 {
		return false, nil
	}
	k, err := kernel.NewBlockedSpread(out[0], out[1], out[2]*out[3], p.split(), p.set())
	if err != nil {
		return false, err
	}
	if err := p.needPlain(n, x); err != nil {
		return false, err
	}
	from, to := x.ID(), p.setBlocked(y)
	return p.blockedStep(n, k, []int{from}, to, func(f *frame, task, _ int) { k.Run(task, f.float32s(to), f.float32s(from)) })
}

// rectifiedSum computes a sum and the rectifier that alone reads it.
func (p *plan) rectifiedSum(n *ir.Node) (bool, error) {
	next := p.onlyReader(n.Out(0))
	if next == nil || !p.anyBlocked(n) || n.In(0).Const() != nil || n.In(1).Const() != nil ||
		!p.isBlockable(n.In(0)) || !p.isBlockable(n.In(1)) || !slices.Equal(sizes(n.In(0)), sizes(n.In(1))) {
		return false, nil
	}
	if _, ok := next.Op.(*ops.Relu); !ok {
		return false, nil
	}
	a, err := p.needBlocked(n, n.In(0))
	if err != nil {
		return false, err
	}
	b, err := p.needBlocked(n, n.In(1))
	if err != nil {
		return false, err
	}
	y := p.setBlocked(next.Out(0))
	p.slots[n.Out(0).ID()].kind = absent
	shape := []int{p.slots[y].size / 4}
	k, err := kernel.NewBinary(kernel.BinarySpec{
		Op: kernel.Add, ShapeA: shape, ShapeB: shape, Act: kernel.Activation{Kind: kernel.Relu}, Split: p.split(), Set: p.set(),
	})
	if err != nil {
		return false, err
	}
	return p.blockedStep(n, k, []int{a, b}, y, func(f *frame, task, _ int) {
		k.Run(task, f.float32s(y), f.float32s(a), f.float32s(b))
	})
}
