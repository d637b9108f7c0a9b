package ops

import "github.com/onnxrun/onnxrun/ir"

// Less is a < b; false if one is NaN.
type Less struct{}

func (*Less) Def() *ir.Def { return lessOp }

var lessOp = late(predicate[Less]("Less", "a < b", numericTypes, []int{1, 7, 9, 13}, comparison{
	float:    func(a, b float64) bool { return a < b },
	signed:   func(a, b int64) bool { return a < b },
	unsigned: func(a, b uint64) bool { return a < b },
}), ir.Widening{Opset: 9, Var: "T", Types: integerTypes})
