package ops

import "github.com/onnxrun/onnxrun/ir"

// Not is true for false and false for true.
type Not struct{}

func (*Not) Def() *ir.Def { return notOp }

var notOp = &ir.Def{
	Name: "Not", Family: ir.Arithmetic, Doc: "negation of booleans, elementwise", Since: []int{1},
	New:   func() ir.Op { return ir.New[Not]() },
	Ins:   []ir.Param{{Name: "X", Type: "bool"}},
	Outs:  []ir.Param{{Name: "Y", Type: "bool"}},
	Infer: sameShape,
	Eval:  func(c *ir.EvalCtx) error { return mapElements(c, func(x bool) bool { return !x }) },
}
