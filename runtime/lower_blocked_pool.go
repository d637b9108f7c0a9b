package runtime

import (
	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// convPool makes one step of a convolution and of the MaxPool that alone reads its result, where that saves time: the
// result then is never in memory as a whole. The pooling's own turn has nothing left to do.
func (p *plan) convPool(n *ir.Node, k convKernel, x int) (done bool, err error) {
	conv, ok := k.(*kernel.BlockedConv)
	if !ok {
		return false, nil
	}
	pool, op := p.onlyPool(n.Out(0))
	if pool == nil {
		return false, nil
	}
	spec := kernel.BlockedPoolSpec{Kind: kernel.MaxPool}
	if ok, err := p.describePool(pool, &spec, op.Window); !ok || err != nil {
		return false, err
	}
	both, err := conv.Pooled(spec)
	if err != nil {
		return false, err
	}
	if !both.Saves() {
		return false, nil
	}
	y := p.setBlocked(pool.Out(0))
	p.slots[n.Out(0).ID()].kind = absent
	return p.blockedStep(n, both, []int{x}, y, func(f *frame, task, worker int) {
		both.Run(task, f.float32s(y), f.float32s(x), f.scratch[worker])
	})
}

// onlyPool is the MaxPool that reads v, which nothing else does; nil if there is none that can have the blocked layout.
func (p *plan) onlyPool(v *ir.Value) (*ir.Node, *ops.MaxPool) {
	uses := v.Uses()
	if len(uses) != 1 || v.IsOutput() {
		return nil, nil
	}
	n := uses[0].Node
	op, ok := n.Op.(*ops.MaxPool)
	if !ok || n.Graph() != p.graph || len(n.Outputs()) != 1 || !p.static(n) || !p.isBlockable(n.Out(0)) {
		return nil, nil
	}
	return n, op
}
