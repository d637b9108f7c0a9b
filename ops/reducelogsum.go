package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// ReduceLogSum is the logarithm of the sum over axes.
type ReduceLogSum struct{ Reducing }

func (*ReduceLogSum) Def() *ir.Def { return reduceLogSum }

var reduceLogSum = differentiable(reduction("ReduceLogSum", "the logarithm of the sum over axes", reduceSince, 18, reduceTypes,
	func() ir.Op { return ir.New[ReduceLogSum]() }, func(op ir.Op) Reducing { return op.(*ReduceLogSum).Reducing },
	reduceFloats(0, func(acc, x float64) float64 { return acc + x }, func(acc float64, _ int) float64 { return math.Log(acc) })), gradReduce(gradReduceLogSum))

func gradReduceLogSum(g *gradient, x, dy *ir.Value) *ir.Value {
	return g.div(dy, g.do(ir.New[Exp](), g.result()))
}
