package ops

import "github.com/onnxrun/onnxrun/ir"

// Xor is true where exactly one is.
type Xor struct{}

func (*Xor) Def() *ir.Def { return xorOp }

var xorOp = predicate[Xor]("Xor", "true where exactly one is", boolType, []int{1, 7}, comparison{
	boolean: func(a, b bool) bool { return a != b },
})
