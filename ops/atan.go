package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// Atan is the inverse of Tan, from -π/2 to π/2.
type Atan struct{}

func (*Atan) Def() *ir.Def { return atan }

var atan = pointwise("Atan", ir.Arithmetic, "arctangent", []int{7, 22}, func(*Atan) func(float64) float64 { return math.Atan })

func (*Atan) derivative() func(float64) float64 {
	return func(x float64) float64 { return 1 / (1 + x*x) }
}
