package ops

import "github.com/onnxrun/onnxrun/ir"

// HammingWindow is the Hamming window of a size.
type HammingWindow struct{ WindowFunction }

func (*HammingWindow) Def() *ir.Def { return hammingWindow }

var hammingWindow = windowFunction("HammingWindow", "the Hamming window", func() ir.Op { return ir.New[HammingWindow]() },
	func(op ir.Op) WindowFunction { return op.(*HammingWindow).WindowFunction }, 25./46, 21./46)
