package ops

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// ReduceMax is the greatest element over axes; NaN if there is one. Of bools true is the greater.
type ReduceMax struct{ Reducing }

func (*ReduceMax) Def() *ir.Def { return reduceMax }

var reduceMax = differentiable(late(reduction("ReduceMax", "the greatest element over axes", []int{1, 11, 12, 13, 18, 20}, 18, extremeTypes,
	func() ir.Op { return ir.New[ReduceMax]() }, func(op ir.Op) Reducing { return op.(*ReduceMax).Reducing },
	func(c *ir.EvalCtx, r reducer) error { return reduceExtreme(c, r, true) }),
	ir.Widening{Opset: 12, Var: "T", Types: ir.TypesOf(tensor.Int8, tensor.Uint8)}, ir.Widening{Opset: 20, Var: "T", Types: boolType}), gradReduce(gradReduceExtreme))
