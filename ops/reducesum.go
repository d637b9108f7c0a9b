package ops

import (
	"github.com/onnxrun/onnxrun/ir"
)

// ReduceSum is the sum over axes.
type ReduceSum struct{ Reducing }

func (*ReduceSum) Def() *ir.Def { return reduceSum }

var reduceSum = differentiable(reduction("ReduceSum", "the sum over axes", []int{1, 11, 13}, 13, reduceTypes,
	func() ir.Op { return ir.New[ReduceSum]() }, func(op ir.Op) Reducing { return op.(*ReduceSum).Reducing },
	reduceNumbers(0, func(acc, x float64) float64 { return acc + x }, asIs, func(acc, x int64) int64 { return acc + x }, asIs)), gradReduce(gradReduceSum))

func gradReduceSum(_ *gradient, _, dy *ir.Value) *ir.Value {
	return dy
}
