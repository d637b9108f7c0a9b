package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// Elu is x for x ≥ 0, Alpha·(exp(x) - 1) below (Clevert et al., 2016).
type Elu struct {
	Alpha float32 `attr:"alpha,default=1"`
}

func (*Elu) Def() *ir.Def { return elu }

var elu = pointwise("Elu", ir.Activation, "exponential linear unit", []int{1, 6, 22}, (*Elu).function)

func (a *Elu) function() func(float64) float64 {
	alpha := float64(a.Alpha)
	return func(x float64) float64 {
		if x < 0 {
			return alpha * math.Expm1(x)
		}
		return x
	}
}

func (a *Elu) derivative() func(float64) float64 {
	alpha := float64(a.Alpha)
	return func(x float64) float64 {
		if x < 0 {
			return alpha * math.Exp(x)
		}
		return 1
	}
}
