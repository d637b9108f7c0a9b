package ops

import "github.com/onnxrun/onnxrun/ir"

// ArgMax is the index of the greatest element along an axis.
type ArgMax struct{ ArgExtreme }

func (*ArgMax) Def() *ir.Def { return argMax }

var argMax = argExtreme("ArgMax", "the index of the greatest element along an axis",
	func() ir.Op { return ir.New[ArgMax]() }, func(op ir.Op) ArgExtreme { return op.(*ArgMax).ArgExtreme }, true)
