package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// Tanh is the hyperbolic tangent.
type Tanh struct{}

func (*Tanh) Def() *ir.Def { return tanh }

var tanh = pointwise("Tanh", ir.Activation, "hyperbolic tangent", []int{1, 6, 13}, func(*Tanh) func(float64) float64 { return math.Tanh })

func (*Tanh) derivative() func(float64) float64 {
	return func(x float64) float64 { return 1 - math.Tanh(x)*math.Tanh(x) }
}

func (*Tanh) derivativeAt(y float64) float64 { return 1 - y*y }
