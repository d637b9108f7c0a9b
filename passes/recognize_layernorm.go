package passes

import (
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// recognizeLayerNorm finds layer normalization over the last dimensions that is spelled out:
// (x - mean(x)) / √(mean((x - mean(x))²) + ε), times a constant scale and plus a constant bias where these follow.
func recognizeLayerNorm(c *Context) error {
	return c.EachNode(func(rw *ir.Rewriter, n *ir.Node) error {
		x, axes, epsilon := normalized(n)
		if x == nil || len(x.Type().Shape) != len(n.Out(0).Type().Shape) {
			return nil
		}
		row, ok := x.Type().Shape[len(x.Type().Shape)-axes:].Ints()
		if !ok || slices.Contains(row, 0) {
			return nil
		}
		last, scale := follower[*ops.Mul](n, row)
		last, bias := follower[*ops.Add](last, row)
		if scale == nil {
			scale = filled(1, row)
		}
		if bias == nil {
			bias = filled(0, row)
		}
		op := &ops.LayerNormalization{Axis: -axes, Epsilon: float32(epsilon), StashType: 1}
		return rw.SetNode(last, op, x, rw.Const(n.Name+".scale", scale), rw.Const(n.Name+".bias", bias))
	})
}

func filled(v float32, shape []int) *tensor.Tensor {
	t := tensor.New(tensor.Float32, shape...)
	for i := range t.Len() {
		tensor.Data[float32](t)[i] = v
	}
	return t
}

// follower is the node of operator O that alone reads n's output, and its constant operand in the shape of a row, which
// it must be but for leading dimensions of 1; n and nil if there is no such node.
func follower[O ir.Op](n *ir.Node, row []int) (*ir.Node, *tensor.Tensor) {
	next := onlyUse(n.Out(0))
	if next == nil || !isOp[O](next) {
		return n, nil
	}
	_, c := constOperand(next)
	if floats(c) == nil {
		return n, nil
	}
	shape := c.Const().Shape()
	for len(shape) > len(row) && shape[0] == 1 {
		shape = shape[1:]
	}
	if !slices.Equal(shape, row) || c.Const().Rank() > len(n.Out(0).Type().Shape) {
		return n, nil
	}
	return next, c.Const().Reshaped(row...)
}

// normalized is x, ε and the number of last dimensions that n computes (x - mean) / √(var + ε) over; x is nil if it does
// not.
func normalized(n *ir.Node) (x *ir.Value, axes int, epsilon float64) {
	if !isOp[*ops.Div](n) {
		return nil, 0, 0
	}
	centered, root := n.In(0), source(n, 1)
	if centered.Def() == nil || root == nil || !isOp[*ops.Sqrt](root) {
		return nil, 0, 0
	}
	sub, sum := centered.Def(), source(root, 0)
	if !isOp[*ops.Sub](sub) || sum == nil || !isOp[*ops.Add](sum) {
		return nil, 0, 0
	}
	mean := source(sub, 1)
	variance, c := constOperand(sum)
	epsilon, ok := scalar(c)
	if mean == nil || mean.In(0) != sub.In(0) || !ok || !inner(sum, variance) {
		return nil, 0, 0
	}
	axes = lastAxes(mean)
	v := variance.Def()
	if v == nil || axes == 0 || lastAxes(v) != axes {
		return nil, 0, 0
	}
	square := source(v, 0)
	if square == nil || !isSquareOf(square, centered) || centered.IsOutput() {
		return nil, 0, 0
	}
	for _, use := range centered.Uses() {
		if use.Node != n && use.Node != square {
			return nil, 0, 0
		}
	}
	return sub.In(0), axes, epsilon
}

func isSquareOf(n *ir.Node, x *ir.Value) bool {
	switch n.Op.(type) {
	case *ops.Pow:
		two, ok := scalar(n.In(1))
		return ok && two == 2 && n.In(0) == x
	case *ops.Mul:
		return n.In(0) == x && n.In(1) == x
	}
	return false
}

// lastAxes is how many last dimensions n takes the mean over, if it keeps them; else 0.
func lastAxes(n *ir.Node) int {
	op, ok := n.Op.(*ops.ReduceMean)
	rank := len(n.In(0).Type().Shape)
	if !ok || !op.KeepDims || n.In(1) == nil || n.In(1).Const() == nil {
		return 0
	}
	axes, ok := n.In(1).Const().AsInts()
	if !ok || len(axes) == 0 || len(axes) > rank {
		return 0
	}
	reduced, err := op.Reduced(axes, rank)
	if err != nil || slices.Contains(reduced[rank-len(axes):], false) {
		return 0
	}
	return len(axes)
}
