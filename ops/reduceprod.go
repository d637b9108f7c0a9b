package ops

import (
	"github.com/onnxrun/onnxrun/ir"
)

// ReduceProd is the product over axes.
type ReduceProd struct{ Reducing }

func (*ReduceProd) Def() *ir.Def { return reduceProd }

var reduceProd = reduction("ReduceProd", "the product over axes", reduceSince, 18, reduceTypes,
	func() ir.Op { return ir.New[ReduceProd]() }, func(op ir.Op) Reducing { return op.(*ReduceProd).Reducing },
	reduceNumbers(1, func(acc, x float64) float64 { return acc * x }, asIs, func(acc, x int64) int64 { return acc * x }, asIs))
