package ops

import (
	"cmp"
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// Abs is |x|.
type Abs struct{}

func (*Abs) Def() *ir.Def { return absOp }

var absOp = &ir.Def{
	Name: "Abs", Family: ir.Arithmetic, Doc: "absolute value, elementwise", Since: []int{1, 6, 13},
	New:     func() ir.Op { return ir.New[Abs]() },
	Ins:     []ir.Param{{Name: "X", Type: "T"}},
	Outs:    []ir.Param{{Name: "Y", Type: "T"}},
	Types:   map[string]ir.TypeSet{"T": numericTypes},
	Upgrade: dropConsumedInputs,
	Infer:   sameShape,
	Eval: viaFloat32(number{
		float:    math.Abs,
		signed:   func(x int64) int64 { return max(x, -x) },
		unsigned: func(x uint64) uint64 { return x },
	}.eval),
	Grad: backward(gradPointwise),
}

func (*Abs) derivative() func(float64) float64 {
	return func(x float64) float64 { return float64(cmp.Compare(x, 0)) }
}
