package passes

import (
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// onlyUse is the node that alone reads v, nil where there are more or v is a graph output.
func onlyUse(v *ir.Value) *ir.Node {
	if v == nil || len(v.Uses()) != 1 || v.IsOutput() {
		return nil
	}
	return v.Uses()[0].Node
}

// inner reports whether n alone reads v.
func inner(n *ir.Node, v *ir.Value) bool { return onlyUse(v) == n }

// floats is the elements of a float32 constant, nil for other values.
func floats(v *ir.Value) []float32 {
	if v == nil || v.Const() == nil || v.Const().DType() != tensor.Float32 {
		return nil
	}
	return tensor.Data[float32](v.Const())
}

// scalar is the value of a constant of one element.
func scalar(v *ir.Value) (float64, bool) {
	if f := floats(v); len(f) == 1 {
		return float64(f[0]), true
	}
	return 0, false
}

// vectorAlong is the elements of a constant that, broadcast over a value of the given rank, varies along one axis only,
// where it has n of them (or one for all, which is repeated).
func vectorAlong(v *ir.Value, rank, axis, n int) []float32 {
	data := floats(v)
	if data == nil {
		return nil
	}
	if len(data) == 1 && v.Const().Rank() <= rank {
		return slices.Repeat(data, n)
	}
	shape := v.Const().Shape()
	if len(data) != n || len(shape) > rank {
		return nil
	}
	for d, size := range shape {
		if d+rank-len(shape) != axis && size != 1 {
			return nil
		}
	}
	return data
}

// constOperand is the operand of a binary node that is not constant, and the one that is.
func constOperand(n *ir.Node) (x, c *ir.Value) {
	for i := range 2 {
		if n.In(i) != nil && n.In(i).Const() == nil && n.In(1-i) != nil && n.In(1-i).Const() != nil {
			return n.In(i), n.In(1 - i)
		}
	}
	return nil, nil
}
