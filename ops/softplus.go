package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// Softplus is ln(1 + exp(x)).
type Softplus struct{}

func (*Softplus) Def() *ir.Def { return softplus }

var softplus = pointwise("Softplus", ir.Activation, "ln(1 + exp(x))", []int{1, 22}, (*Softplus).function)

func (*Softplus) function() func(float64) float64 {
	return softPlus
}

// softPlus is ln(1 + exp(x)) without overflow.
func softPlus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

func (*Softplus) derivative() func(float64) float64 { return logistic }
