package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// Acosh is the inverse of Cosh, at least 0.
type Acosh struct{}

func (*Acosh) Def() *ir.Def { return acosh }

var acosh = pointwise("Acosh", ir.Arithmetic, "inverse hyperbolic cosine", []int{9, 22}, func(*Acosh) func(float64) float64 { return math.Acosh })

func (*Acosh) derivative() func(float64) float64 {
	return func(x float64) float64 { return 1 / math.Sqrt(x*x-1) }
}
