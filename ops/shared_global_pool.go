package ops

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// globalPooled is the Infer of poolings over whole planes: N×C×spatial gives N×C×1×….
func globalPooled(c *ir.InferCtx) error {
	x := c.Shape(0)
	if err := checkPooled(x); err != nil || x == nil {
		return err
	}
	out := x.Clone()
	for d := range out[2:] {
		out[2+d] = ir.Known(1)
	}
	c.SetShape(0, out)
	return nil
}

// poolPlanes sets each element of output 0 to f of a plane of X.
func poolPlanes[T tensor.Float](c *ir.EvalCtx, f func(plane []T) T) error {
	shape := c.In[0].Shape()
	if err := checkPooled(ir.Dims(shape...)); err != nil {
		return err
	}
	out := append(shape[:2:2], orOnes(nil, len(shape)-2)...)
	y, err := c.Output(0, c.In[0].DType(), out...)
	if err != nil {
		return err
	}
	src, dst := tensor.Data[T](c.In[0]), tensor.Data[T](y)
	for i := range dst {
		n := len(src) / len(dst)
		dst[i] = f(src[i*n:][:n])
	}
	return nil
}
