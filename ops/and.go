package ops

import "github.com/onnxrun/onnxrun/ir"

// And is true where both are.
type And struct{}

func (*And) Def() *ir.Def { return andOp }

var andOp = predicate[And]("And", "true where both are", boolType, []int{1, 7}, comparison{
	boolean: func(a, b bool) bool { return a && b },
})
