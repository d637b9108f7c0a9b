package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// Asinh is the inverse of Sinh.
type Asinh struct{}

func (*Asinh) Def() *ir.Def { return asinh }

var asinh = pointwise("Asinh", ir.Arithmetic, "inverse hyperbolic sine", []int{9, 22}, func(*Asinh) func(float64) float64 { return math.Asinh })

func (*Asinh) derivative() func(float64) float64 {
	return func(x float64) float64 { return 1 / math.Sqrt(x*x+1) }
}
