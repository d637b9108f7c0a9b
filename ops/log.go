package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// Log is the natural logarithm.
type Log struct{}

func (*Log) Def() *ir.Def { return logOp }

var logOp = pointwise("Log", ir.Arithmetic, "natural logarithm", []int{1, 6, 13}, func(*Log) func(float64) float64 { return math.Log })

func (*Log) derivative() func(float64) float64 {
	return func(x float64) float64 { return 1 / x }
}
