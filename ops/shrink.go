package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// Shrink is x + Bias below -Lambd, x - Bias above Lambd and 0 between; of integers computed as floats and truncated.
type Shrink struct {
	Bias  float32 `attr:"bias,default=0"`
	Lambd float32 `attr:"lambd,default=0.5"`
}

func (*Shrink) Def() *ir.Def { return shrink }

var shrink = &ir.Def{
	Name: "Shrink", Family: ir.Activation, Doc: "moves elements towards 0 by bias, and those within lambd to 0", Since: []int{9},
	New:   func() ir.Op { return ir.New[Shrink]() },
	Ins:   []ir.Param{{Name: "input", Type: "T"}},
	Outs:  []ir.Param{{Name: "output", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": numericTypes},
	Infer: sameShape,
	Eval: viaFloat32(func(c *ir.EvalCtx) error {
		f := c.Op.(*Shrink).function()
		return number{
			float:    f,
			signed:   func(x int64) int64 { return int64(f(float64(x))) },
			unsigned: func(x uint64) uint64 { return uint64(f(float64(x))) },
		}.eval(c)
	}),
	Grad: backward(gradPointwise),
}

func (a *Shrink) function() func(float64) float64 {
	bias, lambd := float64(a.Bias), float64(a.Lambd)
	return func(x float64) float64 {
		switch {
		case x < -lambd:
			return x + bias
		case x > lambd:
			return x - bias
		}
		return 0
	}
}

func (a *Shrink) derivative() func(float64) float64 {
	lambd := float64(a.Lambd)
	return func(x float64) float64 {
		if math.Abs(x) > lambd {
			return 1
		}
		return 0
	}
}
