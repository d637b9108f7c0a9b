package ops

import "github.com/onnxrun/onnxrun/ir"

// IsNaN is true where an element is not a number.
type IsNaN struct{}

func (*IsNaN) Def() *ir.Def { return isNaN }

var isNaN = &ir.Def{
	Name: "IsNaN", Doc: "true for NaN, elementwise", Since: []int{9, 13, 20},
	New:   func() ir.Op { return ir.New[IsNaN]() },
	Ins:   []ir.Param{{Name: "X", Type: "T1"}},
	Outs:  []ir.Param{{Name: "Y", Type: "bool"}},
	Types: map[string]ir.TypeSet{"T1": floatTypes | float8Types},
	Infer: sameShape,
	Eval:  func(c *ir.EvalCtx) error { return testFloats(c, func(x float64) bool { return x != x }) },
}
