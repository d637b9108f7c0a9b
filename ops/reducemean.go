package ops

import (
	"github.com/onnxrun/onnxrun/ir"
)

// ReduceMean is the mean over axes.
type ReduceMean struct{ Reducing }

func (*ReduceMean) Def() *ir.Def { return reduceMean }

var reduceMean = reduction("ReduceMean", "the mean over axes", reduceSince, 18, reduceTypes,
	func() ir.Op { return ir.New[ReduceMean]() }, func(op ir.Op) Reducing { return op.(*ReduceMean).Reducing },
	reduceNumbers(0,
		func(acc, x float64) float64 { return acc + x }, func(acc float64, n int) float64 { return acc / float64(n) },
		func(acc, x int64) int64 { return acc + x }, func(acc int64, n int) int64 { return acc / int64(max(n, 1)) }))
