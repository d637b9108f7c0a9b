package ops

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// viaFloat32 lets an evaluation that knows float32 take float16 and bfloat16 too: inputs of those types are widened,
// and its float32 outputs are rounded to the element type that the graph gives them.
func viaFloat32(eval func(*ir.EvalCtx) error) func(*ir.EvalCtx) error {
	return func(c *ir.EvalCtx) error {
		half := tensor.Undefined
		for _, t := range c.In {
			if t != nil && halfTypes.Has(t.DType()) {
				half = t.DType()
			}
		}
		if half == tensor.Undefined {
			return eval(c)
		}
		wide := c.Part(c.Op, make([]*tensor.Tensor, len(c.In))...)
		wide.Node = c.Node
		for i, t := range c.In {
			if t != nil && halfTypes.Has(t.DType()) {
				if err := c.Reserve(t.Len(), 4); err != nil {
					return err
				}
				t = t.ToFloat32()
			}
			wide.In[i] = t
		}
		if err := eval(wide); err != nil {
			return err
		}
		for o, t := range wide.Out {
			if t == nil {
				continue
			}
			if want := outputType(c.Node, o, half); t.DType() == tensor.Float32 && halfTypes.Has(want) {
				if err := c.Reserve(t.Len(), 2); err != nil {
					return err
				}
				t = tensor.FromFloat32(t, want)
			}
			c.SetOutput(o, t)
		}
		return nil
	}
}

// outputType is the inferred element type of output o, or half where there is no node to ask.
func outputType(n *ir.Node, o int, half tensor.DType) tensor.DType {
	if n == nil {
		return half
	}
	if v := n.Out(o); v != nil {
		return v.Type().DType
	}
	return half
}
