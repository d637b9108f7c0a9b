package ops

import "github.com/onnxrun/onnxrun/ir"

// HardSigmoid is Alpha·x + Beta, limited to 0 … 1.
type HardSigmoid struct {
	Alpha float32 `attr:"alpha,default=0.2"`
	Beta  float32 `attr:"beta,default=0.5"`
}

func (*HardSigmoid) Def() *ir.Def { return hardSigmoid }

var hardSigmoid = pointwise("HardSigmoid", ir.Activation, "alpha·x + beta limited to 0 … 1", []int{1, 6, 22}, (*HardSigmoid).function)

func (a *HardSigmoid) function() func(float64) float64 {
	alpha, beta := float64(a.Alpha), float64(a.Beta)
	return func(x float64) float64 { return min(max(alpha*x+beta, 0), 1) }
}

func (a *HardSigmoid) derivative() func(float64) float64 {
	alpha, beta := float64(a.Alpha), float64(a.Beta)
	return func(x float64) float64 {
		if y := alpha*x + beta; y > 0 && y < 1 {
			return alpha
		}
		return 0
	}
}
