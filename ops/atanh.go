package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// Atanh is the inverse of Tanh.
type Atanh struct{}

func (*Atanh) Def() *ir.Def { return atanh }

var atanh = pointwise("Atanh", ir.Arithmetic, "inverse hyperbolic tangent", []int{9, 22}, func(*Atanh) func(float64) float64 { return math.Atanh })

func (*Atanh) derivative() func(float64) float64 {
	return func(x float64) float64 { return 1 / (1 - x*x) }
}
