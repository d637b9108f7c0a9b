package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// ReduceL1 is the sum of the absolute values over axes.
type ReduceL1 struct{ Reducing }

func (*ReduceL1) Def() *ir.Def { return reduceL1 }

var reduceL1 = differentiable(reduction("ReduceL1", "the sum of the absolute values over axes", reduceSince, 18, reduceTypes,
	func() ir.Op { return ir.New[ReduceL1]() }, func(op ir.Op) Reducing { return op.(*ReduceL1).Reducing },
	reduceNumbers(0, func(acc, x float64) float64 { return acc + math.Abs(x) }, asIs, func(acc, x int64) int64 { return acc + max(x, -x) }, asIs)), gradReduce(gradReduceL1))

func gradReduceL1(g *gradient, x, dy *ir.Value) *ir.Value {
	return g.mul(dy, g.do(&Sign{}, x))
}
