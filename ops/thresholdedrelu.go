package ops

import "github.com/onnxrun/onnxrun/ir"

// ThresholdedRelu is x for x > Alpha, else 0.
type ThresholdedRelu struct {
	Alpha float32 `attr:"alpha,default=1"`
}

func (*ThresholdedRelu) Def() *ir.Def { return thresholdedRelu }

var thresholdedRelu = older(pointwise("ThresholdedRelu", ir.Activation, "x where above alpha, else 0", []int{10, 22}, (*ThresholdedRelu).function), downgradeThresholdedRelu)

func (a *ThresholdedRelu) function() func(float64) float64 {
	alpha := float64(a.Alpha)
	return func(x float64) float64 {
		if x > alpha { // of NaN it is 0
			return x
		}
		return 0
	}
}

// Before opset 10 it is a choice.
func downgradeThresholdedRelu(l *ir.Legacy) error {
	if l.Opset >= 10 {
		return nil
	}
	s, x := steps{l: l}, l.In(0)
	above := s.do(&Greater{}, x, s.number(x, float64(l.Node.Op.(*ThresholdedRelu).Alpha)))
	return s.end(s.do(&Where{}, above, x, s.number(x, 0)))
}

func (a *ThresholdedRelu) derivative() func(float64) float64 {
	alpha := float64(a.Alpha)
	return func(x float64) float64 {
		if x > alpha {
			return 1
		}
		return 0
	}
}
