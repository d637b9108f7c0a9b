package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// ReduceL2 is the Euclidean norm over axes.
type ReduceL2 struct{ Reducing }

func (*ReduceL2) Def() *ir.Def { return reduceL2 }

var reduceL2 = reduction("ReduceL2", "the Euclidean norm over axes", reduceSince, 18, reduceTypes,
	func() ir.Op { return ir.New[ReduceL2]() }, func(op ir.Op) Reducing { return op.(*ReduceL2).Reducing },
	reduceFloats(0, func(acc, x float64) float64 { return acc + x*x }, func(acc float64, _ int) float64 { return math.Sqrt(acc) }))
