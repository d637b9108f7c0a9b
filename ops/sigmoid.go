package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// Sigmoid is 1/(1 + exp(-x)).
type Sigmoid struct{}

func (*Sigmoid) Def() *ir.Def { return sigmoid }

var sigmoid = pointwise("Sigmoid", ir.Activation, "logistic function 1/(1 + exp(-x))", []int{1, 6, 13}, (*Sigmoid).function)

func (*Sigmoid) function() func(float64) float64 {
	return logistic
}

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func (*Sigmoid) derivative() func(float64) float64 {
	return func(x float64) float64 { return logistic(x) * logistic(-x) }
}

func (*Sigmoid) derivativeAt(y float64) float64 { return y * (1 - y) }
