package ops

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// QuantizeLinear is round(x/scale) + zero point, limited to the range of the output's type, which is that of the zero
// point, or OutputDType, or uint8. See quantAttrs for what a scale holds for.
type QuantizeLinear struct {
	quantAttrs
	OutputDType tensor.DType `attr:"output_dtype,default=0,since=21"`
	Precision   tensor.DType `attr:"precision,default=0,since=23"` // of the division; 0: float32
	Saturate    bool         `attr:"saturate,default=1,since=19"`  // for the float8 types
}

func (*QuantizeLinear) Def() *ir.Def { return quantizeLinear }

var quantizeLinear = &ir.Def{
	Name: "QuantizeLinear", Family: ir.Quantization, Doc: "quantization: round(x/scale) + zero point", Since: []int{10, 13, 19, 21, 23, 24},
	New:  func() ir.Op { return ir.New[QuantizeLinear]() },
	Ins:  []ir.Param{{Name: "x", Type: "T1", Learned: ir.Never}, {Name: "y_scale", Type: "T2", Learned: ir.Never}, {Name: "y_zero_point", Type: "T3", Kind: ir.Optional}},
	Outs: []ir.Param{{Name: "y", Type: "T3"}},
	Types: map[string]ir.TypeSet{
		"T1": floatTypes&^ir.TypesOf(tensor.Float64) | ir.TypesOf(tensor.Int32), "T2": scaleTypes | ir.TypesOf(tensor.Int32), "T3": quantTypes},
	Downgrade: downgradeQuantization,
	Infer:     inferQuantizeLinear,
	Eval:      evalQuantizeLinear,
}

// target is the type of the output for a zero point of a type, Undefined where it is absent.
func (a *QuantizeLinear) target(zero tensor.DType) tensor.DType {
	switch {
	case zero != tensor.Undefined:
		return zero
	case a.OutputDType != tensor.Undefined:
		return a.OutputDType
	}
	return tensor.Uint8
}

func inferQuantizeLinear(c *ir.InferCtx) error {
	a := c.Node.Op.(*QuantizeLinear)
	to := a.target(c.DType(2))
	switch {
	case !quantTypes.Has(to):
		return ir.Unsupported("output_dtype", to)
	case a.OutputDType != tensor.Undefined && a.OutputDType != to:
		return &ir.AttrError{Attr: "output_dtype", Msg: fmt.Sprintf("%v differs from the zero point's type %v", a.OutputDType, to)}
	case a.Precision != tensor.Undefined && a.Precision != tensor.Float32 && !halfTypes.Has(a.Precision):
		return ir.Unsupported("precision", a.Precision)
	}
	c.SetDType(0, to)
	if err := a.check(c.Shape(0), c.Shape(1), c.Shape(2)); err != nil {
		return err
	}
	return sameShape(c)
}

func evalQuantizeLinear(c *ir.EvalCtx) error {
	a := c.Op.(*QuantizeLinear)
	if err := a.check(shapeOf(c, 0), shapeOf(c, 1), shapeOf(c, 2)); err != nil {
		return err
	}
	zeroType := tensor.Undefined
	if c.Has(2) {
		zeroType = c.In[2].DType()
	}
	x, err := numbers(c, c.In[0])
	if err != nil {
		return err
	}
	scale, err := numbers(c, c.In[1])
	if err != nil {
		return err
	}
	zero, err := zeroPoints(c, c.Input(2))
	if err != nil {
		return err
	}
	out, err := c.Output(0, a.target(zeroType), c.In[0].Shape()...)
	if err != nil {
		return err
	}
	return newQuantizer(out, a.Saturate).fill(c, func(set func(i int, v, zero float64)) {
		a.each(c.In[0].Shape(), c.In[1].Shape(), func(at, n, s, step int) {
			for i := range n {
				z := 0.0
				if zero != nil {
					z = zero[s]
				}
				set(at+i, a.divide(x[at+i], scale[s]), z)
				s += step
			}
		})
	})
}

// divide is a quotient of the precision asked for.
func (a *QuantizeLinear) divide(x, scale float64) float64 {
	q := float32(x) / float32(scale)
	switch a.Precision {
	case tensor.Float16:
		q = tensor.ToF16(q).Float32()
	case tensor.BFloat16:
		q = tensor.ToBF16(q).Float32()
	}
	return float64(q)
}
