package ops

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// If runs one of two bodies. The inputs after the condition are what the bodies capture, the same for both.
type If struct {
	Then *ir.Graph `attr:"then_branch,required"`
	Else *ir.Graph `attr:"else_branch,required"`
}

func (*If) Def() *ir.Def { return ifOp }

var ifOp = &ir.Def{
	Name: "If", Family: ir.Control, Doc: "one of two bodies, by a condition", Since: []int{1, 11, 13, 16, 19, 21, 23, 24},
	New:   func() ir.Op { return ir.New[If]() },
	Ins:   []ir.Param{{Name: "cond", Type: "bool"}, {Name: "captured", Type: "V", Kind: ir.VariadicAny}},
	Outs:  []ir.Param{{Name: "outputs", Type: "V", Kind: ir.VariadicAny}},
	Types: map[string]ir.TypeSet{"V": anyType},
	Infer: func(c *ir.InferCtx) error {
		a := c.Node.Op.(*If)
		for _, body := range []*ir.Graph{a.Then, a.Else} {
			if err := checkBody(body, c.NumIn()-1, c.NumOut()); err != nil {
				return err
			}
		}
		for o := range c.NumOut() {
			t, e := a.Then.Outputs()[o].Type(), a.Else.Outputs()[o].Type()
			if t.DType != e.DType {
				return fmt.Errorf("output %d is %v of one branch and %v of the other", o, t, e)
			}
			c.SetDType(o, t.DType)
			c.SetShape(o, commonShape(t.Shape, e.Shape))
		}
		return nil
	},
	Eval: func(c *ir.EvalCtx) error {
		a := c.Op.(*If)
		if c.In[0].Len() != 1 {
			return fmt.Errorf("the condition has %d elements, expects one", c.In[0].Len())
		}
		body := a.Else
		if tensor.Data[bool](c.In[0])[0] {
			body = a.Then
		}
		out, err := c.RunBody(body, c.In[1:])
		for o, t := range out {
			c.SetOutput(o, t)
		}
		return err
	},
}

// checkBody refuses a body that does not take ins inputs and give outs outputs.
func checkBody(body *ir.Graph, ins, outs int) error {
	if n := len(body.Inputs()); n != ins {
		return fmt.Errorf("body %q has %d inputs, the node gives it %d", body.Name, n, ins)
	}
	if n := len(body.Outputs()); n != outs {
		return fmt.Errorf("body %q has %d outputs, the node wants %d", body.Name, n, outs)
	}
	return nil
}

// commonShape is what two shapes have in common.
func commonShape(s, t ir.Shape) ir.Shape {
	if s == nil || t == nil || len(s) != len(t) {
		return nil
	}
	out := s.Clone()
	for d := range out {
		if !s[d].Same(t[d]) {
			out[d] = ir.UnknownDim
		}
	}
	return out
}
