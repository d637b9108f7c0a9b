package ops

import (
	"fmt"
	"math"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// ReduceLogSumExp is the logarithm of the sum of the exponentials over axes.
type ReduceLogSumExp struct{ Reducing }

func (*ReduceLogSumExp) Def() *ir.Def { return reduceLogSumExp }

var reduceLogSumExp = differentiable(reduction("ReduceLogSumExp", "the logarithm of the sum of the exponentials over axes", reduceSince, 18, reduceTypes,
	func() ir.Op { return ir.New[ReduceLogSumExp]() }, func(op ir.Op) Reducing { return op.(*ReduceLogSumExp).Reducing },
	func(c *ir.EvalCtx, r reducer) error {
		switch r.x.DType() {
		case tensor.Float32:
			return logSumExp[float32](c, r)
		case tensor.Float64:
			return logSumExp[float64](c, r)
		case tensor.Int32:
			return logSumExp[int32](c, r)
		case tensor.Int64:
			return logSumExp[int64](c, r)
		case tensor.Uint32:
			return logSumExp[uint32](c, r)
		case tensor.Uint64:
			return logSumExp[uint64](c, r)
		}
		return fmt.Errorf("element type %s is not supported", r.x.DType())
	}), gradReduce(gradReduceLogSumExp))

// expSum is e^top × sum, with top the greatest exponent so far, so that no exponential overflows.
type expSum struct{ top, sum float64 }

func logSumExp[T tensor.Real](c *ir.EvalCtx, r reducer) error {
	return fold(c, r, expSum{top: math.Inf(-1)}, func(acc expSum, v T) expSum {
		switch x := float64(v); {
		case x == math.Inf(-1):
			return acc
		case x > acc.top:
			return expSum{x, acc.sum*math.Exp(acc.top-x) + 1}
		case x == acc.top: // infinity less itself would be NaN
			return expSum{acc.top, acc.sum + 1}
		default:
			return expSum{acc.top, acc.sum + math.Exp(x-acc.top)}
		}
	}, func(acc expSum, _ int) T { return T(acc.top + math.Log(acc.sum)) })
}

func gradReduceLogSumExp(g *gradient, x, dy *ir.Value) *ir.Value {
	return g.mul(dy, g.do(ir.New[Exp](), g.sub(x, g.result())))
}
