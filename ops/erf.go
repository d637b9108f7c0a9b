package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// Erf is the error function; of integers truncated.
type Erf struct{}

func (*Erf) Def() *ir.Def { return erf }

var erf = &ir.Def{
	Name: "Erf", Family: ir.Activation, Doc: "error function, elementwise", Since: []int{9, 13},
	New:   func() ir.Op { return ir.New[Erf]() },
	Ins:   []ir.Param{{Name: "X", Type: "T"}},
	Outs:  []ir.Param{{Name: "Y", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": numericTypes},
	Infer: sameShape,
	Eval: viaFloat32(number{
		float:    math.Erf,
		signed:   func(x int64) int64 { return int64(math.Erf(float64(x))) },
		unsigned: func(x uint64) uint64 { return uint64(math.Erf(float64(x))) },
	}.eval),
	Grad: backward(gradPointwise),
}

func (*Erf) derivative() func(float64) float64 {
	return func(x float64) float64 { return 2 / math.Sqrt(math.Pi) * math.Exp(-x*x) }
}
