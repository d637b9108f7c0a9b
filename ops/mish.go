package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// Mish is x · tanh(ln(1 + exp(x))) (Misra, 2019).
type Mish struct{}

func (*Mish) Def() *ir.Def { return mish }

var mish = older(pointwise("Mish", ir.Activation, "x · tanh(softplus(x))", []int{18, 22}, (*Mish).function), downgradeMish)

func (*Mish) function() func(float64) float64 {
	return func(x float64) float64 { return x * math.Tanh(softPlus(x)) }
}

// Before opset 18 it is spelled out.
func downgradeMish(l *ir.Legacy) error {
	if l.Opset >= 18 {
		return nil
	}
	s, x := steps{l: l}, l.In(0)
	return s.end(s.do(&Mul{}, x, s.do(&Tanh{}, s.do(&Softplus{}, x))))
}

func (*Mish) derivative() func(float64) float64 {
	return func(x float64) float64 {
		t := math.Tanh(softPlus(x))
		return t + x*logistic(x)*(1-t*t)
	}
}
