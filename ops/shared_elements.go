package ops

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// mapElements computes output 0 as f of each element of input 0.
func mapElements[S, D tensor.Elem](c *ir.EvalCtx, f func(S) D) error {
	out, err := c.Output(0, tensor.TypeOf[D](), c.In[0].Shape()...)
	if err != nil {
		return err
	}
	dst, src := tensor.Data[D](out), tensor.Data[S](c.In[0])
	c.Steps(len(dst), 1, func(from, to int) {
		for i, v := range src[from:to] {
			dst[from+i] = f(v)
		}
	})
	return nil
}

// dropConsumedInputs is the Upgrade of operators that opset 1 to 5 gave a consumed_inputs attribute, a hint that
// computes nothing.
func dropConsumedInputs(l *ir.Legacy) error {
	if l.Opset < 6 {
		l.Take("consumed_inputs")
	}
	return nil
}
