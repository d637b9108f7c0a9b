package lower

import (
	"slices"

	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// gradOf describes the convolution of x with weights, of which dy is the gradient of the output. ok is false where kernels on
// blocked data do not fit.
func (s *selector) gradOf(n *ir.Node, op *ops.Conv, dy, x, weights *ir.Value) (g kernel.ConvGradDataSpec, ok bool, err error) {
	if !s.isBlockable(dy) || !s.isBlockable(x) || !s.isBlockable(weights) {
		return g, false, nil
	}
	in, w := sizes(x), sizes(weights)
	win, err := op.Window(in[2:], w[2:])
	if err != nil {
		return g, false, err
	}
	g = kernel.ConvGradDataSpec{
		N: in[0], C: in[1], OutC: w[0], Group: op.Group, Spatial: spatial(win), Split: s.splitProduct(n), Set: s.opts.Set,
	}
	reach := []int{s.opts.Threads, max(in[1], w[0]), (win.Kernel[0]-1)*win.Dilation[0] + 1, // of a copy with borders
		max(in[3], (win.Out[1]-1)*win.Stride[1]) + (win.Kernel[1]-1)*win.Dilation[1] + 1}
	for _, shape := range [][]int{in, sizes(dy), {1, w[0], product(w[1:]), 1}, {1, in[1], w[0], product(w[2:])}, reach} {
		if s.swells(shape) {
			return g, false, nil
		}
	}
	if g.C == 0 || g.OutC == 0 {
		return g, false, nil
	}
	return g, isDepthwise(g) || g.Group == 1 || g.C/g.Group%kernel.Block == 0 && g.OutC/g.Group%kernel.Block == 0, nil
}

func isDepthwise(g kernel.ConvGradDataSpec) bool {
	return g.Group > 1 && g.Group == g.C && g.OutC == g.C
}

func depthwiseSpec(g kernel.ConvGradDataSpec) kernel.DepthwiseSpec {
	return kernel.DepthwiseSpec{N: g.N, C: g.C, Spatial: g.Spatial, Split: g.Split, Set: g.Set}
}

// gradDataKernel is one of the algorithms of a gradient by the input.
type gradDataKernel interface {
	tasked
	packer
	RunPacked(task int, dx, dy, packed, residual, scratch []float32)
}

// depthwiseGradData is a kernel without residual and scratch.
type depthwiseGradData struct{ *kernel.DepthwiseGradData }

func (d depthwiseGradData) RunPacked(task int, dx, dy, packed, _, _ []float32) {
	d.DepthwiseGradData.RunPacked(task, dx, dy, packed)
}

// convGradInput computes the gradient of a convolution's input.
func (s *selector) convGradInput(n *ir.Node, op *ops.Conv) (bool, error) {
	g, ok, err := s.gradOf(n, op, n.In(0), n.Out(0), n.In(1))
	if !ok || err != nil {
		return false, err
	}
	if g.Group == 1 && coversInput(g) {
		return s.gradInputProduct(n, g)
	}
	k, err := s.chooseGradData(g)
	if err != nil { // strides beyond what the kernel takes
		return false, nil
	}
	layout := Blocked
	if _, narrow := k.(*kernel.NarrowConv); narrow {
		layout = Plain
	}
	dy := s.read(n.In(0), layout)
	packed := s.pack(n, k, n.In(1), nil)
	dx := s.write(n.Out(0), Blocked)
	s.step(n, k, arrays(dy, packed), arrays(dx), func(m *Memory, task, worker int) {
		k.RunPacked(task, m.F32(dx), m.F32(dy), m.F32(packed), nil, m.Scratch[worker])
	}).Cost = g.Cost()
	return true, nil
}

// coversInput reports whether a window is as large as the input, so that there is one output pixel.
func coversInput(g kernel.ConvGradDataSpec) bool {
	return slices.Equal(g.In, g.Kernel) && product(g.Out) == 1 && product(g.In) > 1 && !slices.ContainsFunc(g.Pads, func(p int) bool { return p != 0 })
}

// gradInputProduct computes the gradient where the window covers the input: a product of matrices, N×M by M×(C·kernel).
func (s *selector) gradInputProduct(n *ir.Node, g kernel.ConvGradDataSpec) (bool, error) {
	k, err := kernel.NewGemm(kernel.GemmSpec{M: g.N, N: g.C * product(g.In), K: g.OutC, Alpha: 1, Split: g.Split, Set: g.Set})
	if err != nil {
		return false, err
	}
	dy, w, dx := s.read(n.In(0), Plain), s.read(n.In(1), Plain), s.write(n.Out(0), Plain)
	s.step(n, k, arrays(dy, w), arrays(dx), func(m *Memory, task, worker int) {
		k.Run(task, m.F32(dx), m.F32(dy), m.F32(w), nil, nil, m.Scratch[worker])
	})
	return true, nil
}

// chooseGradData prepares the algorithm of a gradient by the input that is estimated to be the fastest.
func (s *selector) chooseGradData(g kernel.ConvGradDataSpec) (gradDataKernel, error) {
	if isDepthwise(g) {
		k, err := kernel.NewDepthwiseGradData(depthwiseSpec(g))
		return depthwiseGradData{k}, err
	}
	form, least := s.fastestForm(g.Cost(), g.WinogradCost)
	if cost, ok := g.NarrowCost(); ok && cost.Time(s.opts.Threads) < least {
		return kernel.NewNarrowGradData(g)
	}
	if form >= 0 {
		return kernel.NewWinogradGradData(g, form)
	}
	return kernel.NewConvGradData(g)
}

// fastestForm is the form of minimal filtering that is estimated to be faster than the direct algorithm, and its time; -1 and
// that algorithm's time where none is.
func (s *selector) fastestForm(direct kernel.Cost, winograd func(form int) (kernel.Cost, bool)) (form int, least float64) {
	form, least = -1, direct.Time(s.opts.Threads)
	for f := range kernel.WinogradForms {
		if cost, ok := winograd(f); ok && !s.opts.Strict && cost.Time(s.opts.Threads) < least {
			form, least = f, cost.Time(s.opts.Threads)
		}
	}
	return form, least
}

// convGradWeights computes the gradient of a convolution's weights: sums of parts of the images, then their sum.
func (s *selector) convGradWeights(n *ir.Node, op *ops.Conv) (bool, error) {
	x := n.In(1)
	g, ok, err := s.gradOf(n, op, n.In(0), x, n.Out(0))
	if !ok || err != nil {
		return false, err
	}
	if isDepthwise(g) {
		return s.depthwiseGradWeights(n, depthwiseSpec(g))
	}
	spec := kernel.ConvGradWeightsSpec{N: g.N, C: g.C, OutC: g.OutC, Group: g.Group, Spatial: g.Spatial, Split: g.Split, Set: g.Set}
	spec.Plain = g.C < kernel.Block/2 && g.Group == 1 && !s.isIn(x, Blocked)
	if done, err := s.winogradGradWeights(n, spec); done || err != nil {
		return done, err
	}
	k, err := kernel.NewConvGradWeights(spec)
	if err != nil {
		return false, err
	}
	layout := Blocked
	if spec.Plain {
		layout = Plain
	}
	dy, from, dw := s.read(n.In(0), Blocked), s.read(x, layout), s.write(n.Out(0), Plain)
	sums := s.floats("sums", k.SumsSize())
	s.step(n, k, arrays(from, dy), arrays(sums), func(m *Memory, task, worker int) {
		k.Run(task, m.F32(sums), m.F32(from), m.F32(dy), m.Scratch[worker])
	}).Cost = spec.Cost()
	s.addParts(n, k, sums, dw)
	return true, nil
}

func (s *selector) depthwiseGradWeights(n *ir.Node, spec kernel.DepthwiseSpec) (bool, error) {
	k, err := kernel.NewDepthwiseGradWeights(spec)
	if err != nil {
		return false, err
	}
	dy, from, dw := s.read(n.In(0), Blocked), s.read(n.In(1), Blocked), s.write(n.Out(0), Plain)
	sums := s.floats("sums", k.SumsSize())
	s.step(n, k, arrays(from, dy), arrays(sums), func(m *Memory, task, _ int) { k.Run(task, m.F32(sums), m.F32(from), m.F32(dy)) })
	s.addParts(n, k, sums, dw)
	return true, nil
}

// winogradGradWeights computes the gradient of a convolution's weights by minimal filtering, where that is estimated to be
// faster.
func (s *selector) winogradGradWeights(n *ir.Node, spec kernel.ConvGradWeightsSpec) (bool, error) {
	form, _ := s.fastestForm(spec.Cost(), spec.WinogradCost)
	if form < 0 {
		return false, nil
	}
	k, err := kernel.NewWinogradGradWeights(spec, form)
	if err != nil || s.swells([]int{k.SumsSize() / kernel.Block, 1}) {
		return false, err
	}
	dy, x, dw := s.read(n.In(0), Blocked), s.read(n.In(1), Blocked), s.write(n.Out(0), Plain)
	sums := s.floats("sums", k.SumsSize())
	for round := range k.Rounds() {
		s.helper(n, "transform", arrays(x, dy), arrays(sums), s.phase(k, func(m *Memory, task, worker int) {
			k.Run(round, task, m.F32(sums), m.F32(x), m.F32(dy), m.Scratch[worker])
		}))
		st := s.step(n, k, arrays(sums), arrays(sums, dw), nil)
		st.Helper = round > 0 // its products are those of one node
		st.Phases = []Phase{{Tasks: k.ReduceTasks(), Task: func(m *Memory, task, worker int) {
			k.Reduce(round, task, m.F32(dw), m.F32(sums), m.Scratch[worker])
		}}}
	}
	return true, nil
}

// reducer adds up the sums of parts.
type reducer interface {
	ReduceTasks() int
	Reduce(task int, dw, sums []float32)
}

// addParts makes a gradient of the sums of parts.
func (s *selector) addParts(n *ir.Node, k reducer, sums, dw *Array) {
	s.helper(n, "add parts", arrays(sums), arrays(dw), Phase{Tasks: k.ReduceTasks(), Task: func(m *Memory, task, _ int) {
		k.Reduce(task, m.F32(dw), m.F32(sums))
	}})
}

// biasGrad computes the sum over all but the channels of a value in the blocked layout.
func (s *selector) biasGrad(n *ir.Node, op *ops.ReduceSum) (bool, error) {
	x := n.In(0)
	if !s.isBlockable(x) || !s.isIn(x, Blocked) || n.In(1) == nil || n.In(1).Const() == nil {
		return false, nil
	}
	axes, _ := n.In(1).Const().AsInts()
	reduced, err := op.Reduced(axes, 4)
	if err != nil || !slices.Equal(reduced, []bool{true, false, true, true}) {
		return false, nil
	}
	in := sizes(x)
	k, err := kernel.NewChannelSum(in[0], in[1], in[2]*in[3], s.split(), s.opts.Set)
	if err != nil {
		return false, err
	}
	return s.apply(n, k, s.read(x, Blocked), s.write(n.Out(0), Plain))
}
