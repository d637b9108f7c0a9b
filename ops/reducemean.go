package ops

import (
	"github.com/onnxrun/onnxrun/ir"
)

// ReduceMean is the mean over axes.
type ReduceMean struct{ Reducing }

func (*ReduceMean) Def() *ir.Def { return reduceMean }

var reduceMean = differentiable(reduction("ReduceMean", "the mean over axes", reduceSince, 18, reduceTypes,
	func() ir.Op { return ir.New[ReduceMean]() }, func(op ir.Op) Reducing { return op.(*ReduceMean).Reducing },
	reduceNumbers(0,
		func(acc, x float64) float64 { return acc + x }, func(acc float64, n int) float64 { return acc / float64(n) },
		func(acc, x int64) int64 { return acc + x }, func(acc int64, n int) int64 { return acc / int64(max(n, 1)) })), gradReduce(gradReduceMean))

func gradReduceMean(g *gradient, x, dy *ir.Value) *ir.Value { return g.div(dy, g.perResult(x)) }

// perResult is how many elements of x make one of output 0, as a number of x's type.
func (g *gradient) perResult(x *ir.Value) *ir.Value {
	if all, kept := x.Type().Shape.Count(), g.Out(0).Type().Shape.Count(); kept != ir.Known(0) {
		if n := all.Div(kept); n.IsKnown() {
			return g.number(x, float64(n.N))
		}
	}
	return g.cast(g.div(g.do(ir.New[Size](), x), g.do(ir.New[Size](), g.Out(0))), x)
}
