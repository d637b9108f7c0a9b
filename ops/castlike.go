package ops

import (
	"github.com/onnxrun/onnxrun/ir"
)

// CastLike is Cast to the element type of a second input.
type CastLike struct {
	Saturate  bool   `attr:"saturate,default=1,since=19"`
	RoundMode string `attr:"round_mode,default=up,oneof=up|down|nearest,since=24"`
}

func (*CastLike) Def() *ir.Def { return castLike }

var castLike = &ir.Def{
	Name: "CastLike", Family: ir.Shaping, Doc: "conversion to the element type of another tensor", Since: []int{15, 19, 21, 23, 24},
	New:   func() ir.Op { return ir.New[CastLike]() },
	Ins:   []ir.Param{{Name: "input", Type: "T1"}, {Name: "target_type", Type: "T2"}},
	Outs:  []ir.Param{{Name: "output", Type: "T2"}},
	Types: map[string]ir.TypeSet{"T1": castTypes, "T2": castTypes},
	Downgrade: func(l *ir.Legacy) error {
		a, to := l.Node.Op.(*CastLike), l.In(1).Type().DType
		if l.Opset >= 15 {
			takeFloat8Attrs(l, to)
			return nil
		}
		s := steps{l: l}
		return s.end(s.main(&Cast{To: to, Saturate: a.Saturate, RoundMode: a.RoundMode}, l.In(0)))
	},
	Infer: func(c *ir.InferCtx) error {
		inferCast(c, c.DType(1))
		return nil
	},
	Eval: func(c *ir.EvalCtx) error {
		a := c.Op.(*CastLike)
		return evalCast(c, c.In[1].DType(), a.Saturate, a.RoundMode)
	},
	Grad: backward(gradCast),
}
