package ops

import "github.com/onnxrun/onnxrun/ir"

// ArgMin is the index of the least element along an axis.
type ArgMin struct{ ArgExtreme }

func (*ArgMin) Def() *ir.Def { return argMin }

var argMin = argExtreme("ArgMin", "the index of the least element along an axis",
	func() ir.Op { return ir.New[ArgMin]() }, func(op ir.Op) ArgExtreme { return op.(*ArgMin).ArgExtreme }, false)
