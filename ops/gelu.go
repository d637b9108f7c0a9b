package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// Gelu is x·Φ(x), Φ the cumulative normal distribution, or its approximation by tanh (Hendrycks and Gimpel, 2016).
type Gelu struct {
	Approximate string `attr:"approximate,default=none,oneof=none|tanh"`
}

func (*Gelu) Def() *ir.Def { return gelu }

var gelu = pointwise("Gelu", "Gaussian error linear unit", []int{20}, (*Gelu).function)

func (a *Gelu) function() func(float64) float64 {
	if a.Approximate == "tanh" {
		return func(x float64) float64 {
			return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
		}
	}
	return func(x float64) float64 { return 0.5 * x * (1 + math.Erf(x/math.Sqrt2)) }
}
