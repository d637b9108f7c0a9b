package ops

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Equal is a = b; NaN equals nothing.
type Equal struct{}

func (*Equal) Def() *ir.Def { return equalOp }

var equalOp = late(predicate[Equal]("Equal", "a = b", numericTypes|boolType|ir.TypesOf(tensor.String), []int{1, 7, 11, 13, 19}, comparison{
	float:    func(a, b float64) bool { return a == b },
	signed:   func(a, b int64) bool { return a == b },
	unsigned: func(a, b uint64) bool { return a == b },
	boolean:  func(a, b bool) bool { return a == b },
	text:     func(a, b string) bool { return a == b },
}),
	ir.Widening{Opset: 11, Var: "T", Types: numericTypes &^ indexTypes}, ir.Widening{Opset: 19, Var: "T", Types: ir.TypesOf(tensor.String)})
