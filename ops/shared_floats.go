package ops

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// floatEval makes an Eval for all floating-point types of its float32 and float64 forms; the first input decides.
func floatEval(f32, f64 func(*ir.EvalCtx) error) func(*ir.EvalCtx) error {
	return viaFloat32(func(c *ir.EvalCtx) error {
		if c.In[0].DType() == tensor.Float64 {
			return f64(c)
		}
		return f32(c)
	})
}

// asFloat64 is the elements of a numeric tensor as float64: for evaluations whose inputs differ in type.
func asFloat64(t *tensor.Tensor) []float64 {
	if t == nil {
		return nil
	}
	if t.DType() == tensor.Float64 {
		return tensor.Data[float64](t)
	}
	if ints, ok := t.AsInts(); ok {
		out := make([]float64, len(ints))
		for i, v := range ints {
			out[i] = float64(v)
		}
		return out
	}
	data, _ := t.AsFloat32()
	out := make([]float64, len(data))
	for i, v := range data {
		out[i] = float64(v)
	}
	return out
}

// outputFloat64 creates output o of the floating-point type dt from data.
func outputFloat64(c *ir.EvalCtx, o int, dt tensor.DType, data []float64, shape []int) error {
	out, err := c.Output(o, dt, shape...)
	if err != nil {
		return err
	}
	if dt == tensor.Float64 {
		copy(tensor.Data[float64](out), data)
		return nil
	}
	narrow, err := ir.Scratch[float32](c, len(data))
	if err != nil {
		return err
	}
	for i, v := range data {
		narrow[i] = float32(v)
	}
	out.CopyFrom(tensor.FromFloat32(tensor.FromSlice(narrow, shape...), dt))
	return nil
}
