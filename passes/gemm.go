package passes

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// gemmFromMatMul makes one Gemm of a product of matrices and the sum downstream of it.
func gemmFromMatMul(c *Context) error {
	return c.EachNode(func(rw *ir.Rewriter, n *ir.Node) error {
		if !isOp[*ops.Add](n) {
			return nil
		}
		for i := range 2 {
			product, addend := n.In(i), n.In(1-i)
			if product.Def() == nil || !isOp[*ops.MatMul](product.Def()) || product == addend {
				continue
			}
			m := product.Def()
			switch {
			case len(m.In(0).Type().Shape) != 2 || len(m.In(1).Type().Shape) != 2:
				c.Miss("the operands are no matrices, or their ranks are not known")
				continue
			case !isVector(addend, product.Type().Shape[1]) && (addend.Const() == nil || !product.Type().Shape.Same(n.Out(0).Type().Shape)):
				c.Miss("the addend is neither a vector along the columns nor a constant that fits the product")
				continue
			case !c.Alone(n, product):
				continue
			}
			return rw.SetNode(n, ir.New[ops.Gemm](), m.In(0), m.In(1), addend)
		}
		return nil
	})
}

// isVector reports whether v is a number or has an element for each of n columns, and nothing else.
func isVector(v *ir.Value, n ir.Dim) bool {
	s := v.Type().Shape
	return s != nil && (len(s) == 0 || len(s) == 1 && (s[0] == ir.Known(1) || s[0].Same(n)))
}
