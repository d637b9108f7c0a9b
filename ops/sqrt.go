package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// Sqrt is the square root; NaN for negative numbers.
type Sqrt struct{}

func (*Sqrt) Def() *ir.Def { return sqrt }

var sqrt = pointwise("Sqrt", ir.Arithmetic, "square root", []int{1, 6, 13}, func(*Sqrt) func(float64) float64 { return math.Sqrt })

func (*Sqrt) derivative() func(float64) float64 {
	return func(x float64) float64 { return 0.5 / math.Sqrt(x) }
}

func (*Sqrt) derivativeAt(y float64) float64 { return 0.5 / y }
