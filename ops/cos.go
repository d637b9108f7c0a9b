package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// Cos is the cosine of an angle in radians.
type Cos struct{}

func (*Cos) Def() *ir.Def { return cos }

var cos = pointwise("Cos", ir.Arithmetic, "cosine", []int{7, 22}, func(*Cos) func(float64) float64 { return math.Cos })

func (*Cos) derivative() func(float64) float64 {
	return func(x float64) float64 { return -math.Sin(x) }
}
