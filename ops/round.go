package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// Round is the nearest integer, the even one of two.
type Round struct{}

func (*Round) Def() *ir.Def { return roundOp }

var roundOp = pointwise("Round", ir.Arithmetic, "rounding to the nearest integer, ties to even", []int{11, 22}, func(*Round) func(float64) float64 { return math.RoundToEven })

func (*Round) derivative() func(float64) float64 { return func(float64) float64 { return 0 } }
