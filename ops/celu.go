package ops

import (
	"fmt"
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// Celu is max(x, 0) + min(0, Alpha·(exp(x/Alpha) - 1)), which for a positive Alpha is x for x ≥ 0 (Barron, 2017).
type Celu struct {
	Alpha float32 `attr:"alpha,default=1"`
}

func (*Celu) Def() *ir.Def { return celu }

var celu = older(pointwise("Celu", ir.Activation, "continuously differentiable exponential linear unit", []int{12}, (*Celu).function), downgradeCelu)

func (a *Celu) function() func(float64) float64 {
	alpha := float64(a.Alpha)
	return func(x float64) float64 { return max(x, 0) + min(0, alpha*math.Expm1(x/alpha)) }
}

// Below opset 12 it is made of Elu(x/alpha). Where that may overflow, or alpha is negative, Elu is only applied to
// elements that are to be below zero.
func downgradeCelu(l *ir.Legacy) error {
	if l.Opset >= 12 {
		return nil
	}
	s, x, alpha := steps{l: l}, l.In(0), float64(l.Node.Op.(*Celu).Alpha)
	scaled := func(by float64) *ir.Value { return s.do(&Div{}, x, s.number(x, by)) }
	times := func(v *ir.Value, by float64) *ir.Value { return s.do(&Mul{}, v, s.number(x, by)) }
	elu := func(v *ir.Value) *ir.Value { return s.main(&Elu{Alpha: 1}, v) }
	var below *ir.Value // min(0, alpha·(exp(x/alpha) - 1))
	switch {
	case alpha >= 1 && alpha <= math.MaxFloat32:
		return s.end(times(elu(scaled(alpha)), alpha))
	case alpha > 0 && alpha < 1:
		below = times(elu(s.do(&Neg{}, s.do(&Relu{}, scaled(-alpha)))), alpha)
	case alpha < 0 && alpha >= -math.MaxFloat32: // exp(z) - 1 is (1 - exp(-z))·exp(z)
		z := s.do(&Relu{}, scaled(alpha))
		below = times(s.do(&Mul{}, elu(s.do(&Neg{}, z)), s.do(&Exp{}, z)), -alpha)
	default:
		return l.Needs(12, fmt.Sprintf(`attribute "alpha" of %v`, alpha))
	}
	return s.end(s.do(&Add{}, s.do(&Relu{}, x), below))
}

func (a *Celu) derivative() func(float64) float64 {
	alpha := float64(a.Alpha)
	return func(x float64) float64 {
		if x >= 0 {
			return 1
		}
		return math.Exp(x / alpha)
	}
}
