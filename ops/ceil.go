package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// Ceil is the least integer not below x.
type Ceil struct{}

func (*Ceil) Def() *ir.Def { return ceilOp }

var ceilOp = pointwise("Ceil", ir.Arithmetic, "rounding up", []int{1, 6, 13}, func(*Ceil) func(float64) float64 { return math.Ceil })

func (*Ceil) derivative() func(float64) float64 { return func(float64) float64 { return 0 } }
