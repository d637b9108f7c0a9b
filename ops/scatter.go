package ops

import "github.com/onnxrun/onnxrun/ir"

// Scatter is what ScatterElements was called before opset 11.
type Scatter struct {
	Axis int `attr:"axis,default=0"`
}

func (*Scatter) Def() *ir.Def { return scatterOld }

var scatterOld = &ir.Def{
	Name: "Scatter", Family: ir.Shaping, Doc: "the old name of ScatterElements", Since: []int{9},
	New:   func() ir.Op { return ir.New[Scatter]() },
	Ins:   []ir.Param{{Name: "data", Type: "T"}, {Name: "indices", Type: "Tind"}, {Name: "updates", Type: "T"}},
	Outs:  []ir.Param{{Name: "output", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": anyType, "Tind": indexTypes},
	Upgrade: func(l *ir.Legacy) error {
		op := ir.New[ScatterElements]()
		if err := ir.DecodeAttrs(op, l.Attrs, false); err != nil {
			return err
		}
		out, err := l.EmitMain(op, l.Inputs...)
		l.Replace(out)
		return err
	},
	Infer: sameShape,
	Eval: func(c *ir.EvalCtx) error {
		places, err := elementPlaces(c, c.Op.(*Scatter).Axis)
		if err != nil {
			return err
		}
		return scatter(c, c.In[0], c.In[2], places, "none")
	},
}
