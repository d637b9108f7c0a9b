package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// Mish is x · tanh(ln(1 + exp(x))) (Misra, 2019).
type Mish struct{}

func (*Mish) Def() *ir.Def { return mish }

var mish = pointwise("Mish", "x · tanh(softplus(x))", []int{18, 22}, (*Mish).function)

func (*Mish) function() func(float64) float64 {
	return func(x float64) float64 { return x * math.Tanh(softPlus(x)) }
}
