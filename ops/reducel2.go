package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// ReduceL2 is the Euclidean norm over axes.
type ReduceL2 struct{ Reducing }

func (*ReduceL2) Def() *ir.Def { return reduceL2 }

var reduceL2 = differentiable(reduction("ReduceL2", "the Euclidean norm over axes", reduceSince, 18, reduceTypes,
	func() ir.Op { return ir.New[ReduceL2]() }, func(op ir.Op) Reducing { return op.(*ReduceL2).Reducing },
	reduceFloats(0, func(acc, x float64) float64 { return acc + x*x }, func(acc float64, _ int) float64 { return math.Sqrt(acc) })), gradReduce(gradReduceL2))

func gradReduceL2(g *gradient, x, dy *ir.Value) *ir.Value { return g.throughL2(x, g.result(), dy) }

// throughL2 is the gradient of x, whose norms are y: 0 where all elements are.
func (g *gradient) throughL2(x, y, dy *ir.Value) *ir.Value {
	zero := g.do(&Equal{}, y, g.number(y, 0))
	return g.mul(x, g.where(g.do(&Not{}, zero), g.div(dy, g.do(&Where{}, zero, g.number(y, 1), y))))
}
