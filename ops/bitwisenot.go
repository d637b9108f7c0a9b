package ops

import "github.com/onnxrun/onnxrun/ir"

// BitwiseNot is the bits that x lacks.
type BitwiseNot struct{}

func (*BitwiseNot) Def() *ir.Def { return bitwiseNot }

var bitwiseNot = &ir.Def{
	Name: "BitwiseNot", Doc: "bits that are not set, elementwise", Since: []int{18},
	New:   func() ir.Op { return ir.New[BitwiseNot]() },
	Ins:   []ir.Param{{Name: "X", Type: "T"}},
	Outs:  []ir.Param{{Name: "Y", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": integerTypes},
	Infer: sameShape,
	Eval: number{
		signed:   func(x int64) int64 { return ^x },
		unsigned: func(x uint64) uint64 { return ^x },
	}.eval,
}
