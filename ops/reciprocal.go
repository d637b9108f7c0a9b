package ops

import "github.com/onnxrun/onnxrun/ir"

// Reciprocal is 1/x.
type Reciprocal struct{}

func (*Reciprocal) Def() *ir.Def { return reciprocal }

var reciprocal = pointwise("Reciprocal", ir.Arithmetic, "1/x", []int{1, 6, 13}, (*Reciprocal).function)

func (*Reciprocal) function() func(float64) float64 {
	return func(x float64) float64 { return 1 / x }
}

func (*Reciprocal) derivative() func(float64) float64 {
	return func(x float64) float64 { return -1 / (x * x) }
}
