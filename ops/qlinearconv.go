package ops

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// QLinearConv is Conv of quantized x and w, quantized. The bias B is of the scale x_scale·w_scale and zero point 0. The
// scale and zero point of w are one number, or one for each filter; the others one number.
type QLinearConv struct{ Conv }

func (*QLinearConv) Def() *ir.Def { return qLinearConv }

var qLinearConv = &ir.Def{
	Name: "QLinearConv", Family: ir.Convolution, Doc: "convolution of quantized tensors", Since: []int{10},
	New: func() ir.Op { return ir.New[QLinearConv]() },
	Ins: []ir.Param{{Name: "x", Type: "T1"}, {Name: "x_scale", Type: "float32", Learned: ir.Never}, {Name: "x_zero_point", Type: "T1"},
		{Name: "w", Type: "T2", Learned: ir.Always}, {Name: "w_scale", Type: "float32", Learned: ir.Never}, {Name: "w_zero_point", Type: "T2"},
		{Name: "y_scale", Type: "float32", Learned: ir.Never}, {Name: "y_zero_point", Type: "T3"}, {Name: "B", Type: "int32", Kind: ir.Optional, Learned: ir.Always}},
	Outs:  []ir.Param{{Name: "y", Type: "T3"}},
	Types: map[string]ir.TypeSet{"T1": byteTypes, "T2": byteTypes, "T3": byteTypes},
	Infer: func(c *ir.InferCtx) error {
		out, err := c.Node.Op.(*QLinearConv).checkedShape(c.Shape)
		c.SetShape(0, out)
		return err
	},
	Eval: evalQLinearConv,
	MACs: func(n *ir.Node) int64 { return convMACs(n.Out(0), n.In(3)) },
}

// checkedShape is the shape of the output for the shapes of the inputs, which it checks.
func (a *QLinearConv) checkedShape(in func(i int) ir.Shape) (ir.Shape, error) {
	for _, i := range []int{1, 6, 7} {
		if err := checkOneElement(fmt.Sprintf("input %d", i), in(i)); err != nil {
			return nil, err
		}
	}
	out, err := a.quantizedShape(in(0), in(2), in(3), in(5))
	if err != nil || out == nil {
		return out, err
	}
	if err := checkFilterFactors("w_scale", in(4), out[1]); err != nil {
		return nil, err
	}
	return out, checkVector("bias", in(8), out[1])
}

func evalQLinearConv(c *ir.EvalCtx) error {
	a := c.Op.(*QLinearConv)
	if _, err := a.checkedShape(func(i int) ir.Shape { return shapeOf(c, i) }); err != nil {
		return err
	}
	y, err := a.centred(c, 0, 2, 3, 5)
	if err != nil {
		return err
	}
	if c.Has(8) {
		bias, err := numbers(c, c.In[8])
		if err != nil {
			return err
		}
		addBias(tensor.Data[float64](y), bias, product(y.Shape()[2:]))
	}
	for _, f := range []struct {
		input int
		shape []int
		apply func(a, b float64) float64
	}{{1, nil, times}, {4, filterFactors(c.In[4].Shape(), 1, y.Rank()), times}, {6, nil, over}} {
		if err := scaleBy(c, y, c.In[f.input], f.shape, f.apply); err != nil {
			return fmt.Errorf("input %d: %w", f.input, err)
		}
	}
	out, err := c.Output(0, c.In[7].DType(), y.Shape()...)
	if err != nil {
		return err
	}
	return quantizeProduct(c, out, y, c.In[7], nil)
}
