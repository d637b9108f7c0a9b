package ops

import "github.com/onnxrun/onnxrun/ir"

// HannWindow is the Hann window of a size.
type HannWindow struct{ WindowFunction }

func (*HannWindow) Def() *ir.Def { return hannWindow }

var hannWindow = windowFunction("HannWindow", "the Hann window", func() ir.Op { return ir.New[HannWindow]() },
	func(op ir.Op) WindowFunction { return op.(*HannWindow).WindowFunction }, 0.5, 0.5)
