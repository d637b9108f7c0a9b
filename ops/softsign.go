package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// Softsign is x/(1 + |x|).
type Softsign struct{}

func (*Softsign) Def() *ir.Def { return softsign }

var softsign = pointwise("Softsign", ir.Activation, "x/(1 + |x|)", []int{1, 22}, (*Softsign).function)

func (*Softsign) function() func(float64) float64 {
	return func(x float64) float64 { return x / (1 + math.Abs(x)) }
}

func (*Softsign) derivative() func(float64) float64 {
	return func(x float64) float64 { return 1 / ((1 + math.Abs(x)) * (1 + math.Abs(x))) }
}
