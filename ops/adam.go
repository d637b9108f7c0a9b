package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// Adam is a step of adaptive moment estimation (Kingma and Ba 2015), with weight decay decoupled from it if so asked
// (Loshchilov and Hutter 2019: AdamW). With g = scale·dW, + Decay·W if not Decoupled, r = rate·RateFactor, t the step, which
// is 1 at first, and M and V beginning at 0,
//
//	M' = Beta1·M + (1-Beta1)·g,  V' = Beta2·V + (1-Beta2)·g²
//	W' = W·(1 - (Decoupled ? r·Decay : 0)) - r/(1-Beta1ᵗ) · M'/(√(V'/(1-Beta2ᵗ)) + Epsilon)
//
// A scale that is NaN leaves W, M and V as they are.
type Adam struct {
	Beta1      float32 `attr:"beta1,default=0.9"`
	Beta2      float32 `attr:"beta2,default=0.999"`
	Epsilon    float32 `attr:"epsilon,default=1e-8"`
	Decay      float32 `attr:"decay"`
	Decoupled  bool    `attr:"decoupled"`
	RateFactor float32 `attr:"rate_factor,default=1"`
}

func (*Adam) Def() *ir.Def { return adam }

var adam = &ir.Def{
	Name: "Adam", Domain: fusedDomain, Doc: "step of adaptive moment estimation", Since: []int{1},
	New: func() ir.Op { return ir.New[Adam]() },
	Ins: []ir.Param{{Name: "W", Type: "T"}, {Name: "dW", Type: "T"}, {Name: "rate", Type: "T"}, {Name: "step", Type: "int64"},
		{Name: "M", Type: "T"}, {Name: "V", Type: "T"}, {Name: "scale", Type: "T", Kind: ir.Optional}},
	Outs:  []ir.Param{{Name: "W'", Type: "T"}, {Name: "M'", Type: "T"}, {Name: "V'", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": floatTypes},
	Infer: func(c *ir.InferCtx) error { return inferUpdate(c, []int{2, 3, 6}, []int{4, 5}) },
	Eval:  evalAdam,
}

func evalAdam(c *ir.EvalCtx) error {
	a := c.Op.(*Adam)
	u, err := newUpdate(c, 6)
	if err != nil {
		return err
	}
	m, v, rate, t := u.state(c, 4), u.state(c, 5), u.scalar(c, 2)*float64(a.RateFactor), u.scalar(c, 3)
	if u.err != nil {
		return u.err
	}
	if u.still {
		return u.give(c, u.w, m, v)
	}
	b1, b2, decay := float64(a.Beta1), float64(a.Beta2), float64(a.Decay)
	unbiased1, unbiased2 := 1-math.Pow(b1, t), 1-math.Pow(b2, t)
	for i, w := range u.w {
		g := u.scale * u.dw[i]
		if a.Decoupled {
			w -= rate * decay * w
		} else {
			g += decay * w
		}
		m[i] = b1*m[i] + (1-b1)*g
		v[i] = b2*v[i] + (1-b2)*g*g
		u.w[i] = w - rate/unbiased1*m[i]/(math.Sqrt(v[i]/unbiased2)+float64(a.Epsilon))
	}
	return u.give(c, u.w, m, v)
}
