package ops

import (
	"cmp"

	"github.com/onnxrun/onnxrun/ir"
)

// Sign is -1, 0 or 1; NaN stays NaN.
type Sign struct{}

func (*Sign) Def() *ir.Def { return signOp }

var signOp = &ir.Def{
	Name: "Sign", Family: ir.Arithmetic, Doc: "-1, 0 or 1, elementwise", Since: []int{9, 13},
	New:   func() ir.Op { return ir.New[Sign]() },
	Ins:   []ir.Param{{Name: "X", Type: "T"}},
	Outs:  []ir.Param{{Name: "Y", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": numericTypes},
	Infer: sameShape,
	Eval: viaFloat32(number{
		float: func(x float64) float64 {
			if x != x {
				return x
			}
			return float64(cmp.Compare(x, 0))
		},
		signed:   func(x int64) int64 { return int64(cmp.Compare(x, 0)) },
		unsigned: func(x uint64) uint64 { return min(x, 1) },
	}.eval),
	Grad: backward(flat),
}
