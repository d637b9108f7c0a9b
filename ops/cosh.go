package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// Cosh is the hyperbolic cosine.
type Cosh struct{}

func (*Cosh) Def() *ir.Def { return cosh }

var cosh = pointwise("Cosh", ir.Arithmetic, "hyperbolic cosine", []int{9, 22}, func(*Cosh) func(float64) float64 { return math.Cosh })

func (*Cosh) derivative() func(float64) float64 { return math.Sinh }
