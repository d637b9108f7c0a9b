package ops

import "github.com/onnxrun/onnxrun/ir"

// Swish is x · sigmoid(Alpha·x) (Ramachandran et al., 2017).
type Swish struct {
	Alpha float32 `attr:"alpha,default=1"`
}

func (*Swish) Def() *ir.Def { return swish }

var swish = older(pointwise("Swish", ir.Activation, "x · sigmoid(alpha·x)", []int{24}, (*Swish).function), downgradeSwish)

func (a *Swish) function() func(float64) float64 {
	alpha := float64(a.Alpha)
	return func(x float64) float64 { return x * logistic(alpha*x) }
}

// Before opset 24 it is spelled out.
func downgradeSwish(l *ir.Legacy) error {
	if l.Opset >= 24 {
		return nil
	}
	s, x := steps{l: l}, l.In(0)
	inner := x
	if alpha := l.Node.Op.(*Swish).Alpha; alpha != 1 {
		inner = s.do(&Mul{}, x, s.number(x, float64(alpha)))
	}
	return s.end(s.do(&Mul{}, x, s.do(&Sigmoid{}, inner)))
}

func (a *Swish) derivative() func(float64) float64 {
	alpha := float64(a.Alpha)
	return func(x float64) float64 {
		s := logistic(alpha * x)
		return s + alpha*x*s*(1-s)
	}
}
