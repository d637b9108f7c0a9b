package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// Sinh is the hyperbolic sine.
type Sinh struct{}

func (*Sinh) Def() *ir.Def { return sinh }

var sinh = pointwise("Sinh", ir.Arithmetic, "hyperbolic sine", []int{9, 22}, func(*Sinh) func(float64) float64 { return math.Sinh })

func (*Sinh) derivative() func(float64) float64 { return math.Cosh }
