package ops

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// DynamicQuantizeLinear quantizes x to uint8 with a scale and a zero point, its other outputs, that it chooses such that
// the range of x, 0 included, fills that of uint8.
type DynamicQuantizeLinear struct{}

func (*DynamicQuantizeLinear) Def() *ir.Def { return dynamicQuantizeLinear }

var dynamicQuantizeLinear = &ir.Def{
	Name: "DynamicQuantizeLinear", Family: ir.Quantization, Doc: "quantization to uint8 with a scale and zero point that fit the input", Since: []int{11},
	New: func() ir.Op { return ir.New[DynamicQuantizeLinear]() },
	Ins: []ir.Param{{Name: "x", Type: "float32"}},
	Outs: []ir.Param{{Name: "y", Type: "uint8"}, {Name: "y_scale", Type: "float32"},
		{Name: "y_zero_point", Type: "uint8"}},
	Infer: func(c *ir.InferCtx) error {
		c.SetShape(1, ir.Shape{})
		c.SetShape(2, ir.Shape{})
		return sameShape(c)
	},
	Eval: evalDynamicQuantizeLinear,
}

func evalDynamicQuantizeLinear(c *ir.EvalCtx) error {
	x := tensor.Data[float32](c.In[0])
	var low, high float32
	for _, v := range x {
		low, high = min(low, v), max(high, v)
	}
	scale := (high - low) / 255
	if scale == 0 {
		scale = 1
	}
	y, err := c.Output(0, tensor.Uint8, c.In[0].Shape()...)
	if err != nil {
		return err
	}
	factor, err := c.Output(1, tensor.Float32)
	if err != nil {
		return err
	}
	zero, err := c.Output(2, tensor.Uint8)
	if err != nil {
		return err
	}
	tensor.Data[float32](factor)[0] = scale
	if err := newQuantizer(zero, true).fill(c, func(set func(i int, v, zero float64)) { set(0, float64(-low/scale), 0) }); err != nil {
		return err
	}
	z := float64(tensor.Data[uint8](zero)[0])
	return newQuantizer(y, true).fill(c, func(set func(i int, v, zero float64)) {
		for i, v := range x {
			set(i, float64(v/scale), z)
		}
	})
}
