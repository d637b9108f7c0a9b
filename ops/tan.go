package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// Tan is the tangent of an angle in radians.
type Tan struct{}

func (*Tan) Def() *ir.Def { return tan }

var tan = pointwise("Tan", ir.Arithmetic, "tangent", []int{7, 22}, func(*Tan) func(float64) float64 { return math.Tan })

func (*Tan) derivative() func(float64) float64 {
	return func(x float64) float64 { return 1 + math.Tan(x)*math.Tan(x) }
}
