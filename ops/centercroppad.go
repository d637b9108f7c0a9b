package ops

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// CenterCropPad crops, or pads with zeros, the dimensions Axes (all, when nil) to the sizes that the shape input says,
// around the centre. Of an odd difference the smaller half is at the beginning.
type CenterCropPad struct {
	Axes []int `attr:"axes"`
}

func (*CenterCropPad) Def() *ir.Def { return centerCropPad }

var centerCropPad = &ir.Def{
	Name: "CenterCropPad", Doc: "cropping and zero padding around the centre", Since: []int{18},
	New:   func() ir.Op { return ir.New[CenterCropPad]() },
	Ins:   []ir.Param{{Name: "input_data", Type: "T"}, {Name: "shape", Type: "Tind"}},
	Outs:  []ir.Param{{Name: "output_data", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": anyType, "Tind": indexTypes},
	Infer: func(c *ir.InferCtx) error {
		x, to := c.Shape(0), c.Dims(1)
		if x == nil {
			return nil
		}
		axes, err := c.Node.Op.(*CenterCropPad).axes(len(x), to)
		if err != nil {
			return err
		}
		out := x.Clone()
		for i, d := range axes {
			out[d] = ir.UnknownDim
			if to != nil {
				out[d] = to[i]
			}
		}
		c.SetShape(0, out)
		return nil
	},
	Eval: evalCenterCropPad,
}

// axes is the dimensions that the sizes to, where they are known, speak of.
func (a *CenterCropPad) axes(rank int, to []ir.Dim) ([]int, error) {
	axes := indexRange(make([]struct{}, rank))
	if a.Axes != nil {
		var err error
		if axes, err = axesOf(a.Axes, rank); err != nil {
			return nil, &ir.AttrError{Attr: "axes", Msg: err.Error()}
		}
	}
	if to != nil && len(to) != len(axes) {
		return nil, fmt.Errorf("shape has %d values, expects %d", len(to), len(axes))
	}
	return axes, nil
}

func evalCenterCropPad(c *ir.EvalCtx) error {
	in := c.In[0].Shape()
	to, _ := c.In[1].AsInts()
	axes, err := c.Op.(*CenterCropPad).axes(len(in), ir.Dims(to...))
	if err != nil {
		return err
	}
	shape := append([]int{}, in...)
	for i, d := range axes {
		shape[d] = to[i]
	}
	out, err := c.Output(0, c.In[0].DType(), shape...)
	if err != nil || out.Len() == 0 {
		return err
	}
	offsets := make([][]int, len(in))
	for d, stride := range tensor.Strides(in) {
		shift := (in[d] - shape[d]) / 2 // rounds towards 0: the smaller half
		offsets[d] = make([]int, shape[d])
		for i := range offsets[d] {
			offsets[d][i] = -1
			if from := i + shift; from >= 0 && from < in[d] {
				offsets[d][i] = from * stride
			}
		}
	}
	copyMapped(c, out, c.In[0], offsets)
	return nil
}
