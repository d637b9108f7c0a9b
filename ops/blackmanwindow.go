package ops

import "github.com/onnxrun/onnxrun/ir"

// BlackmanWindow is the Blackman window of a size.
type BlackmanWindow struct{ WindowFunction }

func (*BlackmanWindow) Def() *ir.Def { return blackmanWindow }

var blackmanWindow = windowFunction("BlackmanWindow", "the Blackman window", func() ir.Op { return ir.New[BlackmanWindow]() },
	func(op ir.Op) WindowFunction { return op.(*BlackmanWindow).WindowFunction }, 0.42, 0.5, 0.08)
