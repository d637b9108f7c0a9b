package ops

import (
	"github.com/onnxrun/onnxrun/ir"
)

// ReduceSumSquare is the sum of the squares over axes.
type ReduceSumSquare struct{ Reducing }

func (*ReduceSumSquare) Def() *ir.Def { return reduceSumSquare }

var reduceSumSquare = differentiable(reduction("ReduceSumSquare", "the sum of the squares over axes", reduceSince, 18, reduceTypes,
	func() ir.Op { return ir.New[ReduceSumSquare]() }, func(op ir.Op) Reducing { return op.(*ReduceSumSquare).Reducing },
	reduceNumbers(0, func(acc, x float64) float64 { return acc + x*x }, asIs, func(acc, x int64) int64 { return acc + x*x }, asIs)), gradReduce(gradReduceSumSquare))

func gradReduceSumSquare(g *gradient, x, dy *ir.Value) *ir.Value {
	return g.mul(g.mul(dy, x), g.number(x, 2))
}
