package ops

import "github.com/onnxrun/onnxrun/ir"

// Identity gives its input.
type Identity struct{}

func (*Identity) Def() *ir.Def { return identityOp }

var identityOp = &ir.Def{
	Name: "Identity", Family: ir.Shaping, Doc: "its input", Since: []int{1, 13, 14, 16, 19, 21, 23, 24},
	New:   func() ir.Op { return ir.New[Identity]() },
	Ins:   []ir.Param{{Name: "input", Type: "V"}},
	Outs:  []ir.Param{{Name: "output", Type: "V"}},
	Types: map[string]ir.TypeSet{"V": anyType},
	Infer: func(c *ir.InferCtx) error {
		c.SetDims(0, c.Dims(0))
		return sameShape(c)
	},
	Shares: always,
	Eval: func(c *ir.EvalCtx) error {
		c.SetOutput(0, c.In[0])
		return nil
	},
	Grad: backward(func(g *gradient) { g.give(0, g.Of(0)) }),
}
