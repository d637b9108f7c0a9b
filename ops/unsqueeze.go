package ops

import (
	"slices"

	"github.com/onnxrun/onnxrun/ir"
)

// Unsqueeze inserts dimensions of size 1, so that they are at the axes of the output.
type Unsqueeze struct{}

func (*Unsqueeze) Def() *ir.Def { return unsqueeze }

var unsqueeze = &ir.Def{
	Name: "Unsqueeze", Family: ir.Shaping, Doc: "inserts dimensions of size 1", Since: []int{1, 11, 13, 21, 23, 24},
	New:       func() ir.Op { return ir.New[Unsqueeze]() },
	Ins:       []ir.Param{{Name: "data", Type: "T"}, {Name: "axes", Type: "int64"}},
	Outs:      []ir.Param{{Name: "expanded", Type: "T"}},
	Types:     map[string]ir.TypeSet{"T": anyType},
	Upgrade:   upgradeSqueeze,
	Downgrade: downgradeUnsqueeze,
	Infer: func(c *ir.InferCtx) error {
		axes, known := c.Ints(1)
		if c.Shape(0) == nil {
			return nil
		}
		if !known {
			if n, ok := length(c, 1); ok {
				c.SetShape(0, ir.UnknownShape(len(c.Shape(0))+n))
			}
			return nil
		}
		out, err := unsqueezed(c.Shape(0), axes)
		c.SetShape(0, out)
		if len(out) == 1 {
			c.SetDims(0, c.Dims(0))
		}
		return err
	},
	Shares: always,
	Eval: func(c *ir.EvalCtx) error {
		axes, _ := c.In[1].AsInts()
		out, err := unsqueezed(shapeOf(c, 0), axes)
		if err != nil {
			return err
		}
		shape, _ := out.Ints()
		c.SetOutput(0, c.In[0].Reshaped(shape...))
		return nil
	},
	Grad: backward(reshaped),
}

func unsqueezed(x ir.Shape, axes []int) (ir.Shape, error) {
	axes, err := axesOf(axes, len(x)+len(axes))
	if err != nil {
		return nil, err
	}
	out := x.Clone()
	slices.Sort(axes)
	for _, a := range axes {
		out = slices.Insert(out, a, ir.Known(1))
	}
	return out, nil
}

func downgradeUnsqueeze(l *ir.Legacy) error {
	if l.Opset >= 13 {
		return nil
	}
	x, more := l.In(0), 0
	if n, ok := l.In(1).Type().Shape.Ints(); ok {
		more = product(n)
	}
	if err := axesAttr(l, 1, 13, more); err != nil {
		return err
	}
	if l.Attr("axes") == nil {
		l.Replace(x)
	}
	return nil
}
