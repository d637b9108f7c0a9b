package runtime

import (
	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// set is the kernels that the session uses.
func (p *plan) set() *kernel.Set { return p.session.set }

// lowerBlocked makes the steps of a node that is computed in the blocked layout; done is false for others.
func (p *plan) lowerBlocked(n *ir.Node) (done bool, err error) {
	if done, err := p.lowerConvGrad(n); done || err != nil {
		return done, err
	}
	if op, ok := n.Op.(*ops.Split); ok {
		return p.blockedSplit(n, op), nil
	}
	if !p.set().Has(kernel.FamilyTile) || len(n.Outputs()) != 1 || !p.isBlockable(n.In(0)) || !p.isBlockable(n.Out(0)) {
		return false, nil
	}
	switch op := n.Op.(type) {
	case *ops.Conv:
		return p.blockedConv(n, op, nil, kernel.Activation{})
	case *ops.FusedConv:
		return p.blockedFusedConv(n, op)
	}
	if p.hasBlocked(n.Out(0)) { // computed with the node before it
		return true, nil
	}
	if !p.anyBlocked(n) {
		return false, nil
	}
	switch op := n.Op.(type) {
	case *ops.MaxPool:
		return p.blockedPool(n, kernel.BlockedPoolSpec{Kind: kernel.MaxPool}, op.Window)
	case *ops.AveragePool:
		return p.blockedPool(n, kernel.BlockedPoolSpec{Kind: kernel.AveragePool, CountIncludePad: op.CountIncludePad}, op.Window)
	case *ops.GlobalAveragePool:
		return p.blockedMean(n)
	case *ops.ReduceMean:
		if overPlane(n, op.Reducing) {
			return p.blockedMean(n)
		}
		return false, nil
	case *ops.BatchNormalization:
		return p.blockedBatchNorm(n, op, kernel.Activation{})
	case *ops.LRN:
		return p.blockedLRN(n, op)
	case *ops.Concat:
		return p.blockedConcat(n, op)
	case *ops.Add:
		return p.blockedBinary(n, kernel.Add)
	case *ops.Sub:
		return p.blockedBinary(n, kernel.Sub)
	case *ops.Div:
		return p.blockedBinary(n, kernel.Div)
	case *ops.Mul:
		if done, err := p.blockedScale(n); done || err != nil {
			return done, err
		}
		return p.blockedBinary(n, kernel.Mul)
	}
	return p.blockedUnary(n)
}

// anyBlocked reports whether an input of n has been computed in the blocked layout.
func (p *plan) anyBlocked(n *ir.Node) bool {
	for _, v := range n.Inputs() {
		if v != nil && p.hasBlocked(v) {
			return true
		}
	}
	return false
}

// blockedStep emits the step of a kernel that reads in and writes the output of n.
func (p *plan) blockedStep(n *ir.Node, k tasked, in []int, y int, task func(f *frame, task, worker int)) (bool, error) {
	step := p.kernelStep(k, task)
	p.emit(n, step.algorithm, step.run, in, []int{y})
	return true, nil
}

// blockedFusedConv computes a convolution and what follows it; an activation that would fill the padding of the channels is
// applied to the plain result.
func (p *plan) blockedFusedConv(n *ir.Node, op *ops.FusedConv) (bool, error) {
	act, ok := activationOf(&op.Epilogue)
	if !ok {
		return false, nil
	}
	if sizes(n.Out(0))[1]%kernel.Block == 0 || act.KeepsZero() {
		return p.blockedConv(n, &op.Conv, n.In(3), act)
	}
	done, err := p.blockedConv(n, &op.Conv, n.In(3), kernel.Activation{})
	if done && err == nil {
		err = p.activatePlain(n, act)
	}
	return done, err
}

// finishes reports whether act is all that follows the convolution of a node.
func finishes(n *ir.Node, act kernel.Activation) bool {
	op, ok := n.Op.(*ops.FusedConv)
	if !ok {
		return true
	}
	whole, _ := activationOf(&op.Epilogue)
	return act == whole
}

// activatePlain applies a function to the output of n in its plain layout, the only one that it has from then on.
func (p *plan) activatePlain(n *ir.Node, act kernel.Activation) error {
	if err := p.needPlain(n, n.Out(0)); err != nil {
		return err
	}
	y := n.Out(0).ID()
	delete(p.blocked, y)
	spec := kernel.UnarySpec{Op: act.Op, Alpha: act.Min, Beta: act.Max, Len: p.slots[y].size / 4, Split: p.split(), Set: p.set()}
	if act.Kind == kernel.Clip {
		spec.Op = kernel.UnaryClip
	}
	k, err := kernel.NewUnary(spec)
	if err != nil {
		return err
	}
	step := p.kernelStep(k, func(f *frame, task, _ int) { k.Run(task, f.float32s(y), f.float32s(y)) })
	p.emit(n, "activation", step.run, []int{y}, []int{y})
	p.steps[len(p.steps)-1].conversion = true
	return nil
}

// blockedConv computes act(Conv + residual); act keeps zero or the channels fill their blocks.
func (p *plan) blockedConv(n *ir.Node, op *ops.Conv, residual *ir.Value, act kernel.Activation) (bool, error) {
	in, weights := sizes(n.In(0)), sizes(n.In(1))
	spec := kernel.BlockedConvSpec{
		N: in[0], C: in[1], OutC: weights[0], Group: op.Group, Act: act,
		Weights: constFloat32(n.In(1)), Residual: residual != nil, Strict: p.session.opts.Strict, Split: p.splitProduct(n), Set: p.set(),
	}
	if p.swells(in) || p.swells(sizes(n.Out(0))) || p.swells([]int{1, weights[0], product(weights[1:]), 1}) {
		return false, nil
	}
	if spec.C == 0 {
		return false, nil
	}
	if spec.Bias = constFloat32(n.In(2)); !known(n) {
		spec.Packed, spec.Weights, spec.Bias = true, nil, nil
	}
	if spec.Group > 1 && spec.Group == spec.C && spec.OutC == spec.C && residual == nil {
		return p.blockedDepthwise(n, op, spec)
	}
	grouped := spec.Group > 1 && (spec.C/spec.Group%kernel.Block != 0 || spec.OutC/spec.Group%kernel.Block != 0)
	if grouped {
		return false, nil
	}
	w, err := op.Window(in[2:], weights[2:])
	if err != nil {
		return false, err
	}
	rows, cols := (w.Kernel[0]-1)*w.Dilation[0]+1, (w.Out[1]-1)*w.Stride[1]+(w.Kernel[1]-1)*w.Dilation[1]+1
	if p.swells([]int{p.session.opts.Threads, spec.C, rows, cols}) { // a copy with borders, for one row of outputs
		return false, nil
	}
	spec.Spatial = spatial(w)
	spec.Plain = spec.C < kernel.Block/2 && spec.Group == 1 && !p.hasBlocked(n.In(0))
	k, err := p.chooseConv(spec)
	if err != nil {
		return false, err
	}
	x, r := n.In(0).ID(), -1
	if !spec.Plain {
		if x, err = p.needBlocked(n, n.In(0)); err != nil {
			return false, err
		}
	} else if err := p.needPlain(n, n.In(0)); err != nil {
		return false, err
	}
	if residual == nil && !spec.Packed && finishes(n, act) {
		if done, err := p.convPool(n, k, x); done || err != nil {
			return done, err
		}
	}
	if residual != nil {
		if r, err = p.needBlocked(n, residual); err != nil {
			return false, err
		}
	}
	return true, p.convStep(n, k, x, r, p.setBlocked(n.Out(0)))
}

// blockedDepthwise computes a convolution of each channel by itself.
func (p *plan) blockedDepthwise(n *ir.Node, op *ops.Conv, c kernel.BlockedConvSpec) (bool, error) {
	w, err := op.Window(sizes(n.In(0))[2:], sizes(n.In(1))[2:])
	if err != nil {
		return false, err
	}
	k, err := kernel.NewDepthwise(kernel.DepthwiseSpec{
		N: c.N, C: c.C, Spatial: spatial(w), Weights: c.Weights, Bias: c.Bias, Packed: c.Packed, Act: c.Act, Split: c.Split, Set: c.Set,
	})
	if err != nil {
		return false, err
	}
	x, err := p.needBlocked(n, n.In(0))
	if err != nil {
		return false, err
	}
	return true, p.depthwiseStep(n, k, x, p.setBlocked(n.Out(0)))
}

// convKernel is one of the algorithms of a convolution on blocked data.
type convKernel interface {
	tasked
	packer
	Algorithm() string
	Run(task int, y, x, residual, scratch []float32)
	RunPacked(task int, y, x, packed, residual, scratch []float32)
}
