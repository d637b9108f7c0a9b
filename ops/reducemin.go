package ops

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// ReduceMin is the least element over axes; NaN if there is one. Of bools true is the greater.
type ReduceMin struct{ Reducing }

func (*ReduceMin) Def() *ir.Def { return reduceMin }

var reduceMin = differentiable(late(reduction("ReduceMin", "the least element over axes", []int{1, 11, 12, 13, 18, 20}, 18, extremeTypes,
	func() ir.Op { return ir.New[ReduceMin]() }, func(op ir.Op) Reducing { return op.(*ReduceMin).Reducing },
	func(c *ir.EvalCtx, r reducer) error { return reduceExtreme(c, r, false) }),
	ir.Widening{Opset: 12, Var: "T", Types: ir.TypesOf(tensor.Int8, tensor.Uint8)}, ir.Widening{Opset: 20, Var: "T", Types: boolType}), gradReduce(gradReduceExtreme))
