package ops

import (
	"errors"
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// ConstantOfShape is a tensor of the shape that its input states, full of one value.
type ConstantOfShape struct {
	Value *tensor.Tensor `attr:"value"` // of one element; nil: a float32 of 0
}

func (*ConstantOfShape) Def() *ir.Def { return constantOfShape }

var constantOfShape = &ir.Def{
	Name: "ConstantOfShape", Family: ir.Shaping, Doc: "a tensor of a given shape, full of one value", Since: []int{9, 20, 21, 23, 24},
	New:   func() ir.Op { return ir.New[ConstantOfShape]() },
	Ins:   []ir.Param{{Name: "input", Type: "int64"}},
	Outs:  []ir.Param{{Name: "output", Type: "T2"}},
	Types: map[string]ir.TypeSet{"T2": anyType},
	Downgrade: func(l *ir.Legacy) error {
		if l.Opset >= 9 {
			return nil
		}
		s := steps{l: l}
		return s.end(s.main(&Expand{}, l.Const(l.Node.Op.(*ConstantOfShape).value().Reshaped()), l.In(0)))
	},
	Infer: inferConstantOfShape,
	Eval:  evalConstantOfShape,
}

func (a *ConstantOfShape) value() *tensor.Tensor {
	if a.Value == nil {
		return tensor.Scalar[float32](0)
	}
	return a.Value
}

func inferConstantOfShape(c *ir.InferCtx) error {
	a := c.Node.Op.(*ConstantOfShape)
	if a.Value != nil && a.Value.Len() != 1 {
		return &ir.AttrError{Attr: "value", Msg: fmt.Sprintf("has %d elements, expects 1", a.Value.Len())}
	}
	c.SetDType(0, a.value().DType())
	in, dims := c.Shape(0), c.Dims(0)
	if in != nil && len(in) != 1 {
		return fmt.Errorf("shape is given as a tensor of shape %v, expects a vector", in)
	}
	switch {
	case slices.ContainsFunc(dims, func(d ir.Dim) bool { return d.N < 0 }):
		return fmt.Errorf("negative dimension in shape %v", dims)
	case dims != nil:
		c.SetShape(0, dims)
	case len(in) == 1 && in[0].IsKnown() && in[0].N == 0:
		c.SetShape(0, ir.Shape{})
	case len(in) == 1 && in[0].IsKnown() && in[0].N <= 64: // no more dimensions are worth following
		c.SetShape(0, ir.UnknownShape(in[0].N))
	}
	if n, ok := ir.Shape(dims).Ints(); ok && len(n) == 1 && n[0] <= 64 && indexTypes.Has(a.value().DType()) {
		v, _ := a.value().AsInts()
		c.SetDims(0, slices.Repeat(ir.Dims(v[0]), n[0]))
	}
	return nil
}

func evalConstantOfShape(c *ir.EvalCtx) error {
	shape, ok := c.In[0].AsInts()
	if !ok || c.In[0].Rank() != 1 {
		return errors.New("shape is not a vector of integers")
	}
	value := c.Op.(*ConstantOfShape).value()
	out, err := c.Output(0, value.DType(), shape...)
	if err != nil || out.Len() == 0 {
		return err
	}
	if value.DType() == tensor.String {
		fill(tensor.Data[string](out), tensor.Data[string](value)[0])
		return nil
	}
	data := out.Bytes()
	for n := copy(data, value.Bytes()); n < len(data); n *= 2 {
		copy(data[n:], data[:n])
	}
	return nil
}
