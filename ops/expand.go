package ops

import (
	"github.com/onnxrun/onnxrun/ir"
)

// Expand stretches dimensions of size 1 as broadcasting does.
type Expand struct{}

func (*Expand) Def() *ir.Def { return expand }

var expand = &ir.Def{
	Name: "Expand", Family: ir.Shaping, Doc: "broadcasts to a shape", Since: []int{8, 13},
	New:   func() ir.Op { return ir.New[Expand]() },
	Ins:   []ir.Param{{Name: "input", Type: "T"}, {Name: "shape", Type: "int64"}},
	Outs:  []ir.Param{{Name: "output", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": anyType},
	Infer: func(c *ir.InferCtx) error {
		want := c.Dims(1)
		if c.Shape(0) == nil {
			return nil
		}
		if want == nil {
			if n, ok := length(c, 1); ok {
				c.SetShape(0, ir.UnknownShape(max(n, len(c.Shape(0)))))
			}
			return nil
		}
		if err := checkSizes("shape", want); err != nil {
			return err
		}
		out, err := broadcast(c.Shape(0), want)
		c.SetShape(0, out)
		return err
	},
	Eval: func(c *ir.EvalCtx) error {
		want, _ := c.In[1].AsInts()
		if err := checkSizes("shape", ir.Dims(want...)); err != nil {
			return err
		}
		shape, err := broadcastInts(c.In[0].Shape(), want)
		if err != nil {
			return err
		}
		out, err := c.Output(0, c.In[0].DType(), shape...)
		if err != nil {
			return err
		}
		copyStrided(c, out, c.In[0], shape, broadcastStrides(c.In[0].Shape(), shape))
		return nil
	},
	Grad: backward(func(g *gradient) { g.give(0, g.sumTo(g.Of(0), g.In(0))) }),
}
