package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// Sin is the sine of an angle in radians.
type Sin struct{}

func (*Sin) Def() *ir.Def { return sin }

var sin = pointwise("Sin", ir.Arithmetic, "sine", []int{7, 22}, func(*Sin) func(float64) float64 { return math.Sin })

func (*Sin) derivative() func(float64) float64 { return math.Cos }
