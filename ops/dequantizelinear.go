package ops

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// DequantizeLinear is (x - zero point)·scale, of the type OutputDType, or that of the scale. See quantAttrs for what a
// scale holds for.
type DequantizeLinear struct {
	quantAttrs
	OutputDType tensor.DType `attr:"output_dtype,default=0,since=23"`
}

func (*DequantizeLinear) Def() *ir.Def { return dequantizeLinear }

var dequantizeLinear = &ir.Def{
	Name: "DequantizeLinear", Family: ir.Quantization, Doc: "the numbers that quantized ones stand for: (x - zero point)·scale", Since: []int{10, 13, 19, 21, 23, 24},
	New:       func() ir.Op { return ir.New[DequantizeLinear]() },
	Ins:       []ir.Param{{Name: "x", Type: "T1", Learned: ir.Always}, {Name: "x_scale", Type: "T2", Learned: ir.Never}, {Name: "x_zero_point", Type: "T1", Kind: ir.Optional}},
	Outs:      []ir.Param{{Name: "y", Type: "T3"}},
	Types:     map[string]ir.TypeSet{"T1": quantTypes | ir.TypesOf(tensor.Int32), "T2": scaleTypes, "T3": floatTypes},
	Downgrade: downgradeQuantization,
	Infer: func(c *ir.InferCtx) error {
		a := c.Node.Op.(*DequantizeLinear)
		to := a.target(c.DType(1))
		if !floatTypes.Has(to) || to == tensor.Float64 {
			return ir.Unsupported("output_dtype", to)
		}
		c.SetDType(0, to)
		if err := a.check(c.Shape(0), c.Shape(1), c.Shape(2)); err != nil {
			return err
		}
		return sameShape(c)
	},
	Eval: evalDequantizeLinear,
}

// target is the type of the output for a scale of a type.
func (a *DequantizeLinear) target(scale tensor.DType) tensor.DType {
	if a.OutputDType != tensor.Undefined {
		return a.OutputDType
	}
	return scale
}

func evalDequantizeLinear(c *ir.EvalCtx) error {
	a := c.Op.(*DequantizeLinear)
	if err := a.check(shapeOf(c, 0), shapeOf(c, 1), shapeOf(c, 2)); err != nil {
		return err
	}
	x := c.In[0]
	out, err := c.Output(0, a.target(c.In[1].DType()), x.Shape()...)
	if err != nil {
		return err
	}
	if out.DType() == tensor.Float32 {
		return a.fill(c, tensor.Data[float32](out))
	}
	wide, err := ir.Scratch[float32](c, x.Len())
	if err != nil {
		return err
	}
	if err := a.fill(c, wide); err != nil {
		return err
	}
	return converter{}.convert(out, tensor.FromSlice(wide, x.Shape()...))
}

func (a *DequantizeLinear) fill(c *ir.EvalCtx, dst []float32) error {
	x := c.In[0]
	switch x.DType() {
	case tensor.Int8, tensor.Int4, tensor.Int2:
		return dequantize(a, c, dst, dataAs[int8](x))
	case tensor.Uint8, tensor.Uint4, tensor.Uint2:
		return dequantize(a, c, dst, dataAs[uint8](x))
	case tensor.Int16:
		return dequantize(a, c, dst, tensor.Data[int16](x))
	case tensor.Uint16:
		return dequantize(a, c, dst, tensor.Data[uint16](x))
	case tensor.Int32:
		return dequantize(a, c, dst, tensor.Data[int32](x))
	}
	data, _ := x.AsFloat32()
	return dequantize(a, c, dst, data)
}

func dequantize[S tensor.Real](a *DequantizeLinear, c *ir.EvalCtx, dst []float32, x []S) error {
	scale, _ := c.In[1].AsFloat32()
	zero, err := zeroPoints(c, c.Input(2))
	if err != nil {
		return err
	}
	if zero == nil {
		zero = make([]float64, len(scale))
	}
	a.each(c.In[0].Shape(), c.In[1].Shape(), func(at, n, s, step int) {
		for i, q := range x[at:][:n] {
			dst[at+i] = float32(float64(q)-zero[s]) * scale[s]
			s += step
		}
	})
	return nil
}
