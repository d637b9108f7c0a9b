package ops

import "github.com/onnxrun/onnxrun/ir"

// LeakyRelu is x for x ≥ 0, Alpha·x below.
type LeakyRelu struct {
	Alpha float32 `attr:"alpha,default=0.01"`
}

func (*LeakyRelu) Def() *ir.Def { return leakyRelu }

var leakyRelu = pointwise("LeakyRelu", ir.Activation, "x, scaled by alpha where negative", []int{1, 6, 16}, (*LeakyRelu).function)

func (a *LeakyRelu) function() func(float64) float64 {
	alpha := float64(a.Alpha)
	return func(x float64) float64 {
		if x < 0 {
			return alpha * x
		}
		return x
	}
}

func (a *LeakyRelu) derivative() func(float64) float64 {
	alpha := float64(a.Alpha)
	return func(x float64) float64 {
		if x > 0 {
			return 1
		}
		return alpha
	}
}
