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

var celu = older(pointwise("Celu", "continuously differentiable exponential linear unit", []int{12}, (*Celu).function), downgradeCelu)

func (a *Celu) function() func(float64) float64 {
	alpha := float64(a.Alpha)
	return func(x float64) float64 { return max(x, 0) + min(0, alpha*math.Expm1(x/alpha)) }
}

// Before opset 12 it is made of Elu.
func downgradeCelu(l *ir.Legacy) error {
	if l.Opset >= 12 {
		return nil
	}
	s, x := steps{l: l}, l.In(0)
	alpha := s.number(x, float64(l.Node.Op.(*Celu).Alpha))
	return s.end(s.do(&Mul{}, s.main(&Elu{Alpha: 1}, s.do(&Div{}, x, alpha)), alpha))
}

func (a *Celu) derivative() func(float64) float64 {
	alpha := float64(a.Alpha)
	return func(x float64) float64 { return math.Exp(min(x/alpha, 0)) }
}
