package ops

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// ConvInteger is Conv of x and w less their zero points, as int32. The zero point of w is one number, or one for each
// filter.
type ConvInteger struct{ Conv }

func (*ConvInteger) Def() *ir.Def { return convInteger }

var convInteger = &ir.Def{
	Name: "ConvInteger", Family: ir.Convolution, Doc: "convolution of 8-bit integers", Since: []int{10},
	New: func() ir.Op { return ir.New[ConvInteger]() },
	Ins: []ir.Param{{Name: "x", Type: "T1"}, {Name: "w", Type: "T2", Learned: ir.Always}, {Name: "x_zero_point", Type: "T1", Kind: ir.Optional},
		{Name: "w_zero_point", Type: "T2", Kind: ir.Optional}},
	Outs:  []ir.Param{{Name: "y", Type: "int32"}},
	Types: map[string]ir.TypeSet{"T1": byteTypes, "T2": byteTypes},
	Infer: func(c *ir.InferCtx) error {
		out, err := c.Node.Op.(*ConvInteger).quantizedShape(c.Shape(0), c.Shape(2), c.Shape(1), c.Shape(3))
		c.SetShape(0, out)
		return err
	},
	Eval: evalConvInteger,
	MACs: func(n *ir.Node) int64 { return convMACs(n.Out(0), n.In(1)) },
}

// quantizedShape is the shape of the output; it checks the shapes of the zero points, too.
func (a *Conv) quantizedShape(x, xZero, w, wZero ir.Shape) (ir.Shape, error) {
	if err := checkOneElement("zero point of x", xZero); err != nil {
		return nil, err
	}
	if len(w) > 0 {
		if err := checkFilterFactors("zero point of w", wZero, w[0]); err != nil {
			return nil, err
		}
	}
	return a.shape(x, w, nil)
}

func evalConvInteger(c *ir.EvalCtx) error {
	a := c.Op.(*ConvInteger)
	if _, err := a.quantizedShape(shapeOf(c, 0), shapeOf(c, 2), shapeOf(c, 1), shapeOf(c, 3)); err != nil {
		return err
	}
	y, err := a.centred(c, 0, 2, 1, 3)
	if err != nil {
		return err
	}
	return outputInt32(c, y)
}

// centred is the convolution of the inputs of the given numbers, less their zero points.
func (a *Conv) centred(c *ir.EvalCtx, x, xZero, w, wZero int) (*tensor.Tensor, error) {
	in, err := centred(c, c.In[x], c.Input(xZero), nil)
	if err != nil {
		return nil, err
	}
	var shape []int
	if c.Has(wZero) {
		shape = filterFactors(c.In[wZero].Shape(), 0, c.In[w].Rank())
	}
	filters, err := centred(c, c.In[w], c.Input(wZero), shape)
	if err != nil {
		return nil, err
	}
	return wideConv(c, a, in, filters)
}
