package passes

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// linearFromMatMul turns products with a constant matrix, by MatMul or by Gemm with a vector for its addend, into
// FusedLinear, which takes on what follows.
func linearFromMatMul(c *Context) error {
	return c.EachNode(func(rw *ir.Rewriter, n *ir.Node) error {
		transB, inputs := false, []*ir.Value{n.In(0), n.In(1)}
		switch product := n.Op.(type) {
		case *ops.MatMul:
		case *ops.Gemm:
			if product.TransA || product.Alpha != 1 || product.Beta != 1 && n.In(2) != nil {
				c.Miss("a Gemm with transA, alpha or beta")
				return nil
			}
			transB = product.TransB
			if n.In(2) != nil {
				bias := linearBias(rw, n)
				if bias == nil {
					c.Miss("the addend is no constant vector along the columns")
					return nil
				}
				inputs = append(inputs, bias)
			}
		default:
			return nil
		}
		w := n.In(1)
		if floats(w) == nil || w.Const().Rank() != 2 || n.In(0).Const() != nil || len(n.In(0).Type().Shape) < 2 {
			c.Miss("the second operand is no constant float32 matrix, or the rank of the first one is below 2 or not known")
			return nil
		}
		op := ir.New[ops.FusedLinear]()
		op.TransB = transB
		return rw.SetNode(n, op, inputs...)
	})
}

// linearBias is the addend of a Gemm as a vector with an element for each column.
func linearBias(rw *ir.Rewriter, n *ir.Node) *ir.Value {
	shape := n.Out(0).Type().Shape
	if len(shape) != 2 || !shape[1].IsKnown() {
		return nil
	}
	vector := vectorAlong(n.In(2), 2, 1, shape[1].N)
	switch {
	case vector == nil:
		return nil
	case n.In(2).Const().Rank() == 1 && n.In(2).Const().Dim(0) == shape[1].N:
		return n.In(2)
	}
	return rw.Const(n.In(2).Name(), tensor.FromSlice(vector, len(vector)))
}
