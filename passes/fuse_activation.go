package passes

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// FuseActivation lets a convolution or linear layer apply the activation that follows it.
func FuseActivation(g *ir.Graph) error {
	return eachNode(g, func(rw *ir.Rewriter, n *ir.Node) error {
		e, ok := activation(n)
		if !ok || n.In(0).Def() == nil || !inner(n, n.In(0)) {
			return nil
		}
		layer := n.In(0).Def()
		op, inputs := fusable(layer)
		if op == nil || epilogueOf(op).Activation != "none" {
			return nil
		}
		*epilogueOf(op) = e
		if err := rw.SetNode(layer, op, inputs...); err != nil {
			return err
		}
		return rw.Replace(n.Out(0), layer.Out(0))
	})
}

// activation is the epilogue that computes what n does.
func activation(n *ir.Node) (e ops.Epilogue, ok bool) {
	switch op := n.Op.(type) {
	case *ops.Relu:
		e.Activation = "relu"
	case *ops.LeakyRelu:
		e.Activation, e.Alpha = "leakyrelu", op.Alpha
	case *ops.Clip:
		e.Activation, e.Alpha, e.Beta = "clip", float32(math.Inf(-1)), float32(math.Inf(1))
		for i, bound := range []*float32{&e.Alpha, &e.Beta} {
			if n.In(i+1) == nil {
				continue
			}
			v, ok := scalar(n.In(i + 1))
			if !ok {
				return e, false
			}
			*bound = float32(v)
		}
	case *ops.HardSwish:
		e.Activation = "hardswish"
	case *ops.Swish:
		e.Activation = "silu"
		return e, op.Alpha == 1
	case *ops.Sigmoid:
		e.Activation = "sigmoid"
	case *ops.HardSigmoid:
		e.Activation, e.Alpha, e.Beta = "hardsigmoid", op.Alpha, op.Beta
	case *ops.Tanh:
		e.Activation = "tanh"
	case *ops.Gelu:
		e.Activation = "gelu"
		return e, op.Approximate == "none"
	default:
		return e, false
	}
	return e, true
}
