package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// Asin is the inverse of Sin, from -π/2 to π/2.
type Asin struct{}

func (*Asin) Def() *ir.Def { return asin }

var asin = pointwise("Asin", ir.Arithmetic, "arcsine", []int{7, 22}, func(*Asin) func(float64) float64 { return math.Asin })

func (*Asin) derivative() func(float64) float64 {
	return func(x float64) float64 { return 1 / math.Sqrt(1-x*x) }
}
