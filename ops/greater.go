package ops

import "github.com/onnxrun/onnxrun/ir"

// Greater is a > b; false if one is NaN.
type Greater struct{}

func (*Greater) Def() *ir.Def { return greaterOp }

var greaterOp = late(predicate[Greater]("Greater", "a > b", numericTypes, []int{1, 7, 9, 13}, comparison{
	float:    func(a, b float64) bool { return a > b },
	signed:   func(a, b int64) bool { return a > b },
	unsigned: func(a, b uint64) bool { return a > b },
}), ir.Widening{Opset: 9, Var: "T", Types: integerTypes})
