package ops

import "github.com/onnxrun/onnxrun/ir"

// Neg is -x.
type Neg struct{}

func (*Neg) Def() *ir.Def { return negOp }

var negOp = &ir.Def{
	Name: "Neg", Family: ir.Arithmetic, Doc: "negation, elementwise", Since: []int{1, 6, 13},
	New:     func() ir.Op { return ir.New[Neg]() },
	Ins:     []ir.Param{{Name: "X", Type: "T"}},
	Outs:    []ir.Param{{Name: "Y", Type: "T"}},
	Types:   map[string]ir.TypeSet{"T": floatTypes | signedTypes},
	Upgrade: dropConsumedInputs,
	Infer:   sameShape,
	Eval: viaFloat32(number{
		float:  func(x float64) float64 { return -x },
		signed: func(x int64) int64 { return -x },
	}.eval),
	Grad: backward(func(g *gradient) { g.give(0, g.do(&Neg{}, g.Of(0))) }),
}
