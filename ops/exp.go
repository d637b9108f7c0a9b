package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// Exp is e to the power of x.
type Exp struct{}

func (*Exp) Def() *ir.Def { return expOp }

var expOp = pointwise("Exp", ir.Arithmetic, "exponential function", []int{1, 6, 13}, func(*Exp) func(float64) float64 { return math.Exp })

func (*Exp) derivative() func(float64) float64 { return math.Exp }

func (*Exp) derivativeAt(y float64) float64 { return y }
