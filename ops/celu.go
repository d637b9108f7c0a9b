package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// Celu is x for x ≥ 0, Alpha·(exp(x/Alpha) - 1) below (Barron, 2017).
type Celu struct {
	Alpha float32 `attr:"alpha,default=1"`
}

func (*Celu) Def() *ir.Def { return celu }

var celu = pointwise("Celu", "continuously differentiable exponential linear unit", []int{12}, (*Celu).function)

func (a *Celu) function() func(float64) float64 {
	alpha := float64(a.Alpha)
	return func(x float64) float64 { return max(x, 0) + min(0, alpha*math.Expm1(x/alpha)) }
}
