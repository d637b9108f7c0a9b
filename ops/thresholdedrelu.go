package ops

import "github.com/onnxrun/onnxrun/ir"

// ThresholdedRelu is x for x > Alpha, else 0.
type ThresholdedRelu struct {
	Alpha float32 `attr:"alpha,default=1"`
}

func (*ThresholdedRelu) Def() *ir.Def { return thresholdedRelu }

var thresholdedRelu = pointwise("ThresholdedRelu", "x where above alpha, else 0", []int{10, 22}, (*ThresholdedRelu).function)

func (a *ThresholdedRelu) function() func(float64) float64 {
	alpha := float64(a.Alpha)
	return func(x float64) float64 {
		if x > alpha || x != x {
			return x
		}
		return 0
	}
}
