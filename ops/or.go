package ops

import "github.com/onnxrun/onnxrun/ir"

// Or is true where at least one is.
type Or struct{}

func (*Or) Def() *ir.Def { return orOp }

var orOp = predicate[Or]("Or", "true where at least one is", boolType, []int{1, 7}, comparison{
	boolean: func(a, b bool) bool { return a || b },
})
