package runtime

import (
	"slices"

	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// lowerConvGrad makes the steps of a gradient of a convolution in the blocked layout; done is false for other nodes, and for
// forms that the kernels do not have.
func (p *plan) lowerConvGrad(n *ir.Node) (done bool, err error) {
	switch op := n.Op.(type) {
	case *ops.ConvGradInput:
		return p.convGradInput(n, &op.Conv)
	case *ops.ConvGradWeights:
		return p.convGradWeights(n, &op.Conv)
	case *ops.ReduceSum:
		return p.biasGrad(n, op)
	}
	return false, nil
}

// gradOf describes the convolution of x with weights, of which dy is the gradient of the output. ok is false where kernels on
// blocked data do not fit.
func (p *plan) gradOf(n *ir.Node, op *ops.Conv, dy, x, weights *ir.Value) (s kernel.ConvGradDataSpec, ok bool, err error) {
	if !p.isBlockable(dy) || !p.isBlockable(x) || !p.isBlockable(weights) {
		return s, false, nil
	}
	in, w := sizes(x), sizes(weights)
	win, err := op.Window(in[2:], w[2:])
	if err != nil {
		return s, false, err
	}
	s = kernel.ConvGradDataSpec{N: in[0], C: in[1], OutC: w[0], Group: op.Group, Spatial: spatial(win), Split: p.splitProduct(n), Set: p.set()}
	reach := []int{p.session.opts.Threads, max(in[1], w[0]), (win.Kernel[0]-1)*win.Dilation[0] + 1, // of a copy with borders
		max(in[3], (win.Out[1]-1)*win.Stride[1]) + (win.Kernel[1]-1)*win.Dilation[1] + 1}
	for _, shape := range [][]int{in, sizes(dy), {1, w[0], product(w[1:]), 1}, {1, in[1], w[0], product(w[2:])}, reach} {
		if p.swells(shape) {
			return s, false, nil
		}
	}
	if s.C == 0 || s.OutC == 0 {
		return s, false, nil
	}
	return s, isDepthwise(s) || s.Group == 1 || s.C/s.Group%kernel.Block == 0 && s.OutC/s.Group%kernel.Block == 0, nil
}

func isDepthwise(s kernel.ConvGradDataSpec) bool {
	return s.Group > 1 && s.Group == s.C && s.OutC == s.C
}

func depthwiseSpec(s kernel.ConvGradDataSpec) kernel.DepthwiseSpec {
	return kernel.DepthwiseSpec{N: s.N, C: s.C, Spatial: s.Spatial, Split: s.Split, Set: s.Set}
}

// gradDataKernel is one of the algorithms of a gradient by the input.
type gradDataKernel interface {
	tasked
	packer
	RunPacked(task int, dx, dy, packed, residual, scratch []float32)
}

// convGradInput computes the gradient of a convolution's input.
func (p *plan) convGradInput(n *ir.Node, op *ops.Conv) (bool, error) {
	s, ok, err := p.gradOf(n, op, n.In(0), n.Out(0), n.In(1))
	if !ok || err != nil {
		return false, err
	}
	if isDepthwise(s) {
		return p.depthwiseGradInput(n, s)
	}
	if s.Group == 1 && coversInput(s) {
		return p.gradInputProduct(n, s)
	}
	k, err := p.chooseGradData(s)
	if err != nil { // strides beyond what the kernel takes
		return false, nil
	}
	dy := n.In(0).ID()
	if _, narrow := k.(*kernel.NarrowConv); narrow {
		err = p.needPlain(n, n.In(0))
	} else {
		dy, err = p.needBlocked(n, n.In(0))
	}
	if err != nil {
		return false, err
	}
	packed, err := p.pack(n, k, n.In(1), nil)
	if err != nil {
		return false, err
	}
	dx := p.setBlocked(n.Out(0))
	return p.blockedStep(n, k, []int{dy, packed}, dx, func(f *frame, task, worker int) {
		k.RunPacked(task, f.float32s(dx), f.float32s(dy), f.float32s(packed), nil, f.scratch[worker])
	})
}

// coversInput reports whether a window is as large as the input, so that there is one output pixel.
func coversInput(s kernel.ConvGradDataSpec) bool {
	return slices.Equal(s.In, s.Kernel) && product(s.Out) == 1 && product(s.In) > 1 && !slices.ContainsFunc(s.Pads, func(p int) bool { return p != 0 })
}

// gradInputProduct computes the gradient where the window covers the input: a product of matrices, N×M by M×(C·kernel).
func (p *plan) gradInputProduct(n *ir.Node, s kernel.ConvGradDataSpec) (bool, error) {
	k, err := kernel.NewGemm(kernel.GemmSpec{M: s.N, N: s.C * product(s.In), K: s.OutC, Alpha: 1, Split: s.Split, Set: s.Set})
	if err != nil {
		return false, err
	}
	for _, v := range []*ir.Value{n.In(0), n.In(1)} {
		if err := p.needPlain(n, v); err != nil {
			return false, err
		}
	}
	dy, w, dx := n.In(0).ID(), n.In(1).ID(), n.Out(0).ID()
	return p.blockedStep(n, k, []int{dy, w}, dx, func(f *frame, task, worker int) {
		k.Run(task, f.float32s(dx), f.float32s(dy), f.float32s(w), nil, nil, f.scratch[worker])
	})
}

// chooseGradData prepares the algorithm of a gradient by the input that is estimated to be the fastest.
func (p *plan) chooseGradData(s kernel.ConvGradDataSpec) (gradDataKernel, error) {
	threads, best := p.session.opts.Threads, -1
	least := s.Cost().Time(threads)
	for form := range kernel.WinogradForms {
		if cost, ok := s.WinogradCost(form); ok && !p.session.opts.Strict && cost.Time(threads) < least {
			best, least = form, cost.Time(threads)
		}
	}
	if cost, ok := s.NarrowCost(); ok && cost.Time(threads) < least {
		return kernel.NewNarrowGradData(s)
	}
	if best >= 0 {
		return kernel.NewWinogradGradData(s, best)
	}
	return kernel.NewConvGradData(s)
}

func (p *plan) depthwiseGradInput(n *ir.Node, s kernel.ConvGradDataSpec) (bool, error) {
	k, err := kernel.NewDepthwiseGradData(depthwiseSpec(s))
	if err != nil { // strides beyond what the kernel takes
		return false, nil
	}
	dy, err := p.needBlocked(n, n.In(0))
	if err != nil {
		return false, err
	}
	packed, err := p.pack(n, k, n.In(1), nil)
	if err != nil {
		return false, err
	}
	dx := p.setBlocked(n.Out(0))
	return p.blockedStep(n, k, []int{dy, packed}, dx, func(f *frame, task, _ int) {
		k.RunPacked(task, f.float32s(dx), f.float32s(dy), f.float32s(packed))
	})
}

// convGradWeights computes the gradient of a convolution's weights: sums of parts of the images, then their sum.
func (p *plan) convGradWeights(n *ir.Node, op *ops.Conv) (bool, error) {
	x := n.In(1)
	s, ok, err := p.gradOf(n, op, n.In(0), x, n.Out(0))
	if !ok || err != nil {
		return false, err
	}
	dy, err := p.needBlocked(n, n.In(0))
	if err != nil {
		return false, err
	}
	dw := n.Out(0).ID()
	if isDepthwise(s) {
		k, err := kernel.NewDepthwiseGradWeights(depthwiseSpec(s))
		if err != nil {
			return false, err
		}
		from, err := p.needBlocked(n, x)
		if err != nil {
			return false, err
		}
		sums := p.newSlot(k.SumsSize())
		step := p.kernelStep(k, func(f *frame, task, _ int) { k.Run(task, f.float32s(sums), f.float32s(from), f.float32s(dy)) })
		return true, p.sumInParts(n, k, step, []int{from, dy}, sums, dw)
	}
	plain := s.C < kernel.Block/2 && s.Group == 1 && !p.hasBlocked(x)
	spec := kernel.ConvGradWeightsSpec{N: s.N, C: s.C, OutC: s.OutC, Group: s.Group, Spatial: s.Spatial, Plain: plain, Split: s.Split, Set: s.Set}
	if done, err := p.winogradGradWeights(n, spec, dy); done || err != nil {
		return done, err
	}
	k, err := kernel.NewConvGradWeights(spec)
	if err != nil {
		return false, err
	}
	from := x.ID()
	if !plain {
		if from, err = p.needBlocked(n, x); err != nil {
			return false, err
		}
	} else if err := p.needPlain(n, x); err != nil {
		return false, err
	}
	sums := p.newSlot(k.SumsSize())
	step := p.kernelStep(k, func(f *frame, task, worker int) {
		k.Run(task, f.float32s(sums), f.float32s(from), f.float32s(dy), f.scratch[worker])
	})
	return true, p.sumInParts(n, k, step, []int{from, dy}, sums, dw)
}

// winogradGradWeights computes the gradient of a convolution's weights by minimal filtering, where that is estimated to be
// faster.
func (p *plan) winogradGradWeights(n *ir.Node, s kernel.ConvGradWeightsSpec, dy int) (bool, error) {
	threads, best := p.session.opts.Threads, -1
	least := s.Cost().Time(threads)
	for form := range kernel.WinogradForms {
		if cost, ok := s.WinogradCost(form); ok && !p.session.opts.Strict && cost.Time(threads) < least {
			best, least = form, cost.Time(threads)
		}
	}
	if best < 0 {
		return false, nil
	}
	k, err := kernel.NewWinogradGradWeights(s, best)
	if err != nil || p.swells([]int{k.SumsSize() / kernel.Block, 1}) {
		return false, err
	}
	x, err := p.needBlocked(n, n.In(1))
	if err != nil {
		return false, err
	}
	sums, dw, reduces := p.newSlot(k.SumsSize()), n.Out(0).ID(), k.ReduceTasks()
	for round := range k.Rounds() {
		step := p.kernelStep(k, func(f *frame, task, worker int) {
			k.Run(round, task, f.float32s(sums), f.float32s(x), f.float32s(dy), f.scratch[worker])
		})
		p.emit(n, "transform", step.run, []int{x, dy}, []int{sums})
		p.steps[len(p.steps)-1].conversion = true
		reduce := func(f *frame, task, worker int) {
			k.Reduce(round, task, f.float32s(dw), f.float32s(sums), f.scratch[worker])
		}
		p.emit(n, step.algorithm, func(f *frame) error { return f.parallel(reduces, reduce) }, []int{sums}, []int{sums, dw})
		p.steps[len(p.steps)-1].conversion = round > 0 // its products are those of one node
	}
	return true, nil
}

// reducer adds up the sums of parts.
type reducer interface {
	ReduceTasks() int
	Reduce(task int, dw, sums []float32)
}

// sumInParts emits a step that fills sums, and one that makes the gradient of them.
func (p *plan) sumInParts(n *ir.Node, k reducer, fill lowered, reads []int, sums, dw int) error {
	p.emit(n, fill.algorithm, fill.run, reads, []int{sums})
	tasks := k.ReduceTasks()
	task := func(f *frame, task, _ int) { k.Reduce(task, f.float32s(dw), f.float32s(sums)) }
	p.emit(n, "add parts", func(f *frame) error { return f.parallel(tasks, task) }, []int{sums}, []int{dw})
	p.steps[len(p.steps)-1].conversion = true
	return nil
}

// biasGrad computes the sum over all but the channels of a value in the blocked layout.
func (p *plan) biasGrad(n *ir.Node, op *ops.ReduceSum) (bool, error) {
	x := n.In(0)
	if !p.isBlockable(x) || !p.hasBlocked(x) || n.In(1) == nil || n.In(1).Const() == nil {
		return false, nil
	}
	axes, _ := n.In(1).Const().AsInts()
	reduced, err := op.Reduced(axes, 4)
	if err != nil || !slices.Equal(reduced, []bool{true, false, true, true}) {
		return false, nil
	}
	in, from, y := sizes(x), p.blocked[x.ID()], n.Out(0).ID()
	k, err := kernel.NewChannelSum(in[0], in[1], in[2]*in[3], p.split(), p.set())
	if err != nil {
		return false, err
	}
	step := p.kernelStep(k, func(f *frame, task, _ int) { k.Run(task, f.float32s(y), f.float32s(from)) })
	p.emit(n, step.algorithm, step.run, []int{from}, []int{y})
	return true, nil
}
