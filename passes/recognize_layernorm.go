package passes

import (
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// RecognizeLayerNorm finds layer normalization over the last axis that is spelled out:
// (x - mean(x)) / √(mean((x - mean(x))²) + ε) · scale + bias.
func RecognizeLayerNorm(g *ir.Graph) error {
	return eachNode(g, func(rw *ir.Rewriter, n *ir.Node) error {
		if _, ok := n.Op.(*ops.Add); !ok {
			return nil
		}
		scaled, bias := constOperand(n)
		if scaled == nil || scaled.Def() == nil || !inner(n, scaled) {
			return nil
		}
		if _, ok := scaled.Def().Op.(*ops.Mul); !ok {
			return nil
		}
		normal, scale := constOperand(scaled.Def())
		if normal == nil || normal.Def() == nil || !inner(scaled.Def(), normal) {
			return nil
		}
		x, epsilon := normalized(normal.Def())
		if x == nil || !isVector(scale, x) || !isVector(bias, x) {
			return nil
		}
		return rw.SetNode(n, &ops.LayerNormalization{Axis: -1, Epsilon: float32(epsilon), StashType: 1}, x, scale, bias)
	})
}

// isVector reports whether c is a vector with an element for each of the last axis of x.
func isVector(c, x *ir.Value) bool {
	shape := x.Type().Shape
	return floats(c) != nil && c.Const().Rank() == 1 && len(shape) > 0 && shape[len(shape)-1].IsKnown() &&
		c.Const().Dim(0) == shape[len(shape)-1].N
}

// normalized is x and ε where n computes (x - mean) / √(var + ε) over the last axis.
func normalized(n *ir.Node) (x *ir.Value, epsilon float64) {
	if _, ok := n.Op.(*ops.Div); !ok {
		return nil, 0
	}
	centered, root := n.In(0), n.In(1)
	if centered.Def() == nil || root.Def() == nil || len(centered.Uses()) > 3 || slices.Contains(n.Graph().Outputs(), centered) {
		return nil, 0
	}
	if _, ok := centered.Def().Op.(*ops.Sub); !ok {
		return nil, 0
	}
	x = centered.Def().In(0)
	if mean := centered.Def().In(1).Def(); mean == nil || !isLastMean(mean) || mean.In(0) != x {
		return nil, 0
	}
	if _, ok := root.Def().Op.(*ops.Sqrt); !ok || root.Def().In(0).Def() == nil {
		return nil, 0
	}
	sum := root.Def().In(0).Def()
	if _, ok := sum.Op.(*ops.Add); !ok {
		return nil, 0
	}
	variance, c := constOperand(sum)
	epsilon, ok := scalar(c)
	if variance == nil || !ok || variance.Def() == nil || !isLastMean(variance.Def()) {
		return nil, 0
	}
	if square := variance.Def().In(0).Def(); square == nil || !isSquareOf(square, centered) {
		return nil, 0
	}
	return x, epsilon
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

// isLastMean reports whether n is the mean over the last axis, which it keeps.
func isLastMean(n *ir.Node) bool {
	op, ok := n.Op.(*ops.ReduceMean)
	if !ok || !op.KeepDims || n.In(1) == nil || n.In(1).Const() == nil {
		return false
	}
	axes, ok := n.In(1).Const().AsInts()
	return ok && len(axes) == 1 && (axes[0] == -1 || axes[0] == len(n.In(0).Type().Shape)-1)
}
