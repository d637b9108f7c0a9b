package ops

import "github.com/onnxrun/onnxrun/ir"

// Max is the greatest of its inputs; NaN if one of them is.
type Max struct{}

func (*Max) Def() *ir.Def { return maxOp }

var maxOp = differentiable(variadic[Max]("Max", "greatest of tensors", numericTypes, inferArithmetic(maxDims), arithmetic{
	float:    func(a, b float64) float64 { return max(a, b) },
	signed:   func(a, b int64) int64 { return max(a, b) },
	unsigned: func(a, b uint64) uint64 { return max(a, b) },
}.fold), gradExtreme)

func maxDims(a, b ir.Dim) ir.Dim {
	switch {
	case a.Same(b):
		return a
	case a.IsKnown() && b.IsKnown():
		return ir.Known(max(a.N, b.N))
	}
	return ir.UnknownDim
}
