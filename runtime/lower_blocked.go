package runtime

import (
	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// impl is the implementation of kernels that the session uses.
func (p *plan) impl() kernel.Impl { return p.session.impl }

// lowerBlocked makes the steps of a node that is computed in the blocked layout; done is false for others.
func (p *plan) lowerBlocked(n *ir.Node) (done bool, err error) {
	if p.impl() == kernel.Generic || !p.isBlockable(n.In(0)) || !p.isBlockable(n.Out(0)) || len(n.Outputs()) != 1 {
		return false, nil
	}
	switch op := n.Op.(type) {
	case *ops.Conv:
		return p.blockedConv(n, op, nil, kernel.Activation{})
	case *ops.FusedConv:
		if act, ok := activationOf(&op.Epilogue); ok {
			return p.blockedConv(n, &op.Conv, n.In(3), act)
		}
	}
	return false, nil
}

// blockedConv computes act(Conv + residual).
func (p *plan) blockedConv(n *ir.Node, op *ops.Conv, residual *ir.Value, act kernel.Activation) (bool, error) {
	in, weights := sizes(n.In(0)), sizes(n.In(1))
	spec := kernel.BlockedConvSpec{
		N: in[0], C: in[1], OutC: weights[0], Group: op.Group, Act: act,
		Weights: constFloat32(n.In(1)), Split: p.split(), Impl: p.impl(),
	}
	if spec.Weights == nil || n.In(2) != nil && constFloat32(n.In(2)) == nil || spec.OutC%kernel.Block != 0 && !act.KeepsZero() {
		return false, nil
	}
	spec.Bias = constFloat32(n.In(2))
	grouped := spec.Group > 1 && (spec.C/spec.Group%kernel.Block != 0 || spec.OutC/spec.Group%kernel.Block != 0)
	if grouped {
		return false, nil
	}
	w, err := op.Window(in[2:], weights[2:])
	if err != nil {
		return false, err
	}
	spec.Spatial = spatial(w)
	spec.Plain = spec.C < kernel.Block/2 && spec.Group == 1 && !p.hasBlocked(n.In(0))
	k, err := chooseConv(spec)
	if err != nil {
		return false, err
	}
	x, y, r := n.In(0).ID(), -1, -1
	if !spec.Plain {
		if x, err = p.needBlocked(n, n.In(0)); err != nil {
			return false, err
		}
	} else if err := p.needPlain(n, n.In(0)); err != nil {
		return false, err
	}
	reads := []int{x}
	if residual != nil {
		if r, err = p.needBlocked(n, residual); err != nil {
			return false, err
		}
		reads = append(reads, r)
	}
	y = p.setBlocked(n.Out(0))
	step := p.kernelStep(k, func(f *frame, task, worker int) {
		k.Run(task, f.float32s(y), f.float32s(x), f.float32s(r), f.scratch[worker])
	})
	p.emit(n, step.algorithm, step.run, reads, []int{y})
	return true, nil
}

// convKernel is one of the algorithms of a convolution on blocked data.
type convKernel interface {
	tasked
	Algorithm() string
	Run(task int, y, x, residual, scratch []float32)
}

// chooseConv prepares the algorithm that is expected to be the fastest.
func chooseConv(spec kernel.BlockedConvSpec) (convKernel, error) {
	if !spec.Plain && spec.C/spec.Group >= kernel.Block {
		for _, form := range []int{1, 0, 2} {
			if form == 1 && spec.Out[0] < 8 { // tiles that hang over the edge cost more than they save
				continue
			}
			if k, err := kernel.NewWinograd(spec, form); err == nil {
				return k, nil
			}
		}
	}
	return kernel.NewBlockedConv(spec)
}
