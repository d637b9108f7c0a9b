package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// Gelu is x·Φ(x), Φ the cumulative normal distribution, or its approximation by tanh (Hendrycks and Gimpel, 2016).
type Gelu struct {
	Approximate string `attr:"approximate,default=none,oneof=none|tanh"`
}

func (*Gelu) Def() *ir.Def { return gelu }

var gelu = older(pointwise("Gelu", ir.Activation, "Gaussian error linear unit", []int{20}, (*Gelu).function), downgradeGelu)

func (a *Gelu) function() func(float64) float64 {
	if a.Approximate == "tanh" {
		return func(x float64) float64 {
			return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
		}
	}
	return func(x float64) float64 { return 0.5 * x * (1 + math.Erf(x/math.Sqrt2)) }
}

// Before opset 20 it is spelled out.
func downgradeGelu(l *ir.Legacy) error {
	if l.Opset >= 20 {
		return nil
	}
	s, x := steps{l: l}, l.In(0)
	var twice *ir.Value // 2·Φ(x)
	if l.Node.Op.(*Gelu).Approximate == "tanh" {
		cube := s.do(&Mul{}, s.do(&Mul{}, x, x), x)
		inner := s.do(&Add{}, x, s.do(&Mul{}, cube, s.number(x, 0.044715)))
		twice = s.do(&Tanh{}, s.do(&Mul{}, inner, s.number(x, math.Sqrt(2/math.Pi))))
	} else {
		twice = s.do(&Erf{}, s.do(&Div{}, x, s.number(x, math.Sqrt2)))
	}
	twice = s.do(&Add{}, twice, s.number(x, 1))
	return s.end(s.do(&Mul{}, s.do(&Mul{}, x, s.number(x, 0.5)), twice)) // x·twice might overflow
}

func (a *Gelu) derivative() func(float64) float64 {
	if a.Approximate == "tanh" {
		return func(x float64) float64 {
			t := math.Tanh(math.Sqrt(2/math.Pi) * (x + 0.044715*x*x*x))
			return 0.5*(1+t) + 0.5*x*(1-t*t)*math.Sqrt(2/math.Pi)*(1+3*0.044715*x*x)
		}
	}
	return func(x float64) float64 {
		return 0.5*(1+math.Erf(x/math.Sqrt2)) + x*math.Exp(-x*x/2)/math.Sqrt(2*math.Pi)
	}
}
