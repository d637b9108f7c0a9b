package passes

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// FuseResidual lets a convolution or linear layer add what its result is added to.
func FuseResidual(g *ir.Graph) error {
	return eachNode(g, func(rw *ir.Rewriter, n *ir.Node) error {
		if _, ok := n.Op.(*ops.Add); !ok {
			return nil
		}
		for i := range 2 {
			x, residual := n.In(i), n.In(1-i)
			if x.Def() == nil || residual.Const() != nil || !inner(n, x) || !x.Type().Shape.Same(residual.Type().Shape) {
				continue
			}
			op, inputs := fusable(x.Def())
			if op == nil || inputs[3] != nil || epilogueOf(op).Activation != "none" {
				continue
			}
			inputs[3] = residual
			return rw.SetNode(n, op, inputs...) // here, where the residual has been computed
		}
		return nil
	})
}

// fusable is the fused form of a convolution or linear layer, with a place for each of its four inputs; nil for others.
func fusable(n *ir.Node) (ir.Op, []*ir.Value) {
	inputs := []*ir.Value{n.In(0), n.In(1), n.In(2), n.In(3)}
	switch op := n.Op.(type) {
	case *ops.Conv:
		fused := ir.New[ops.FusedConv]()
		fused.Conv = *op
		return fused, inputs
	case *ops.FusedConv:
		fused := *op
		return &fused, inputs
	case *ops.FusedLinear:
		fused := *op
		return &fused, inputs
	}
	return nil, nil
}

// epilogueOf is the part of a fused operator that says how it ends.
func epilogueOf(op ir.Op) *ops.Epilogue {
	switch op := op.(type) {
	case *ops.FusedConv:
		return &op.Epilogue
	case *ops.FusedLinear:
		return &op.Epilogue
	}
	return nil
}
