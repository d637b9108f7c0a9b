package passes

import (
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// ScaleIntoWeights moves a product or sum with a constant vector into the weights of the layer before it: of a
// convolution along its channels, of a FusedLinear along its last axis, through a Transpose if there is one between.
func ScaleIntoWeights(g *ir.Graph) error {
	return eachNode(g, func(rw *ir.Rewriter, n *ir.Node) error {
		_, mul := n.Op.(*ops.Mul)
		_, add := n.Op.(*ops.Add)
		x, c := constOperand(n)
		if !mul && !add || x == nil || !x.Type().Shape.Same(n.Out(0).Type().Shape) || x.Def() == nil || !inner(n, x) {
			return nil
		}
		def, rank, axis := x.Def(), len(x.Type().Shape), 1
		value := x
		if t, ok := def.Op.(*ops.Transpose); ok {
			perm, err := t.Permutation(rank)
			if err != nil || !inner(def, def.In(0)) || def.In(0).Def() == nil {
				return nil
			}
			value, def = def.In(0), def.In(0).Def()
			if _, ok := def.Op.(*ops.FusedLinear); !ok {
				return nil
			}
			axis = slices.Index(perm, rank-1)
		} else if _, ok := def.Op.(*ops.FusedLinear); ok {
			axis = rank - 1
		}
		if axis >= rank || !x.Type().Shape[axis].IsKnown() {
			return nil
		}
		vector := vectorAlong(c, rank, axis, x.Type().Shape[axis].N)
		if vector == nil {
			return nil
		}
		scale, shift := make([]float64, len(vector)), make([]float64, len(vector))
		for i, v := range vector {
			scale[i], shift[i] = 1, float64(v)
			if mul {
				scale[i], shift[i] = float64(v), 0
			}
		}
		if _, ok := def.Op.(*ops.FusedLinear); ok {
			return affineIntoLinear(rw, n, x, def, scale, shift)
		}
		_, err := affineIntoConv(rw, n, value, scale, shift)
		return err
	})
}

// affineIntoLinear changes the weights of a FusedLinear so that n, whose operand x is its output or that transposed, is
// not needed.
func affineIntoLinear(rw *ir.Rewriter, n *ir.Node, x *ir.Value, linear *ir.Node, scale, shift []float64) error {
	op := linear.Op.(*ops.FusedLinear)
	w, bias := floats(linear.In(1)), floats(linear.In(2))
	if w == nil || linear.In(2) != nil && bias == nil || op.Activation != "none" || linear.In(3) != nil {
		return nil
	}
	weights := linear.In(1)
	if slices.ContainsFunc(scale, func(s float64) bool { return s != 1 }) {
		w = slices.Clone(w)
		for i := range w {
			column := i % len(scale)
			if op.TransB {
				column = i / (len(w) / len(scale))
			}
			w[i] = float32(float64(w[i]) * scale[column])
		}
		weights = rw.Const(weights.Name(), tensor.FromSlice(w, weights.Const().Shape()...))
	}
	b := make([]float32, len(scale))
	for i := range b {
		if bias != nil {
			b[i] = float32(float64(bias[i])*scale[i] + shift[i])
		} else {
			b[i] = float32(shift[i])
		}
	}
	if err := rw.SetNode(linear, op, linear.In(0), weights, rw.Const(linear.Name+".bias", tensor.FromSlice(b, len(b)))); err != nil {
		return err
	}
	return rw.Replace(n.Out(0), x)
}
