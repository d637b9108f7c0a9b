package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// Acos is the inverse of Cos, from 0 to π.
type Acos struct{}

func (*Acos) Def() *ir.Def { return acos }

var acos = pointwise("Acos", ir.Arithmetic, "arccosine", []int{7, 22}, func(*Acos) func(float64) float64 { return math.Acos })

func (*Acos) derivative() func(float64) float64 {
	return func(x float64) float64 { return -1 / math.Sqrt(1-x*x) }
}
