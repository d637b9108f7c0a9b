package passes

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// constantShapes gives a Reshape a constant shape where the shape is known but for symbols: -1 stands for the one
// unknown dimension, 0 for a dimension that stays where it is. The arithmetic that computed the shape is removed where
// nothing else needs it.
func constantShapes(c *Context) error {
	return c.EachNode(func(rw *ir.Rewriter, n *ir.Node) error {
		if !isOp[*ops.Reshape](n) || n.In(1).Const() != nil {
			return nil
		}
		shape, why := openShape(n.In(0).Type().Shape, n.In(1).Dims(), n.Out(0).Type().Shape)
		if why != "" {
			c.Miss(why)
			return nil
		}
		return rw.SetNode(n, ir.New[ops.Reshape](), n.In(0), rw.Const(n.In(1).Name(), tensor.FromSlice(castInts[int64](shape), len(shape))))
	})
}

// openShape is a constant for a Reshape of a value of shape in that asks for the dimensions want and so gives out. Where
// the sizes do not fit together, it must fail as want does: -1 stands where both have provably as many elements.
func openShape(in ir.Shape, want []ir.Dim, out ir.Shape) (shape []int, why string) {
	if want == nil || in == nil || out == nil || len(want) != len(out) {
		return nil, "the shape, or that of the input, is not known"
	}
	shape = make([]int, len(out))
	open := 0
	for i, d := range out {
		switch {
		case d.IsUnknown():
			return nil, "a dimension of the shape is not known"
		case d == ir.Known(0):
			return nil, "a dimension is 0"
		case d.IsKnown():
			shape[i] = d.N
		default:
			shape[i] = -1
			open++
		}
	}
	if open == 1 && in.Count().Same(out.Count()) {
		return shape, ""
	}
	for i := range shape {
		if shape[i] != -1 {
			continue
		}
		if i >= len(in) || !in[i].Same(out[i]) {
			return nil, "several dimensions are open, or the number of elements may differ"
		}
		shape[i] = 0
	}
	return shape, ""
}
