package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// Selu is Gamma·x for x ≥ 0, Gamma·Alpha·(exp(x) - 1) below (Klambauer et al., 2017).
type Selu struct {
	Alpha float32 `attr:"alpha,default=1.67326319217681884765625"`
	Gamma float32 `attr:"gamma,default=1.05070102214813232421875"`
}

func (*Selu) Def() *ir.Def { return selu }

var selu = func() *ir.Def {
	d := pointwise("Selu", ir.Activation, "scaled exponential linear unit", []int{1, 6, 22}, (*Selu).function)
	d.Upgrade = upgradeSelu
	return d
}()

// Before opset 6 the defaults had fewer digits.
func upgradeSelu(l *ir.Legacy) error {
	if l.Opset < 6 {
		if l.Attr("alpha") == nil {
			l.Set("alpha", float32(1.6732))
		}
		if l.Attr("gamma") == nil {
			l.Set("gamma", float32(1.0507))
		}
	}
	return dropConsumedInputs(l)
}

func (a *Selu) function() func(float64) float64 {
	alpha, gamma := float64(a.Alpha), float64(a.Gamma)
	return func(x float64) float64 {
		if x < 0 {
			return gamma * alpha * math.Expm1(x)
		}
		return gamma * x
	}
}

func (a *Selu) derivative() func(float64) float64 {
	alpha, gamma := float64(a.Alpha), float64(a.Gamma)
	return func(x float64) float64 {
		if x < 0 {
			return gamma * alpha * math.Exp(x)
		}
		return gamma
	}
}
