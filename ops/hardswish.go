package ops

import "github.com/onnxrun/onnxrun/ir"

// HardSwish is x · max(0, min(1, x/6 + 1/2)) (Howard et al., MobileNetV3, 2019).
type HardSwish struct{}

func (*HardSwish) Def() *ir.Def { return hardSwish }

var hardSwish = pointwise("HardSwish", "x · max(0, min(1, x/6 + 1/2))", []int{14, 22}, (*HardSwish).function)

func (*HardSwish) function() func(float64) float64 {
	return func(x float64) float64 { return x * min(max(x/6+0.5, 0), 1) }
}
