package ops

import "github.com/onnxrun/onnxrun/ir"

// Min is the least of its inputs; NaN if one of them is.
type Min struct{}

func (*Min) Def() *ir.Def { return minOp }

var minOp = differentiable(variadic[Min]("Min", "least of tensors", numericTypes, inferArithmetic(minDims), arithmetic{
	float:    func(a, b float64) float64 { return min(a, b) },
	signed:   func(a, b int64) int64 { return min(a, b) },
	unsigned: func(a, b uint64) uint64 { return min(a, b) },
}.fold), gradExtreme)

func minDims(a, b ir.Dim) ir.Dim {
	switch {
	case a.Same(b):
		return a
	case a.IsKnown() && b.IsKnown():
		return ir.Known(min(a.N, b.N))
	}
	return ir.UnknownDim
}
