package ops

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
)

// Flatten makes a matrix: the dimensions before Axis, and those from it on.
type Flatten struct {
	Axis int `attr:"axis,default=1"`
}

func (*Flatten) Def() *ir.Def { return flatten }

var flatten = &ir.Def{
	Name: "Flatten", Family: ir.Shaping, Doc: "the elements as a matrix", Since: []int{1, 9, 11, 13, 21, 23, 24},
	New:       func() ir.Op { return ir.New[Flatten]() },
	Ins:       []ir.Param{{Name: "input", Type: "T"}},
	Outs:      []ir.Param{{Name: "output", Type: "T"}},
	Types:     map[string]ir.TypeSet{"T": anyType},
	Downgrade: downgradeAxis,
	Widened:   []ir.Widening{{Opset: 9, Var: "T", Types: anyType &^ floatTypes}},
	Infer: func(c *ir.InferCtx) error {
		out, err := c.Node.Op.(*Flatten).shape(c.Shape(0))
		c.SetShape(0, out)
		return err
	},
	Shares: always,
	Eval: func(c *ir.EvalCtx) error {
		out, err := c.Op.(*Flatten).shape(shapeOf(c, 0))
		if err != nil {
			return err
		}
		shape, _ := out.Ints()
		c.SetOutput(0, c.In[0].Reshaped(shape...))
		return nil
	},
	Grad: backward(reshaped),
}

func (a *Flatten) shape(x ir.Shape) (ir.Shape, error) {
	if x == nil {
		return ir.UnknownShape(2), nil
	}
	axis := a.Axis
	if axis < 0 {
		axis += len(x)
	}
	if axis < 0 || axis > len(x) {
		return nil, &ir.AttrError{Attr: "axis", Msg: fmt.Sprintf("%d is outside of a tensor of %d dimensions", a.Axis, len(x))}
	}
	return ir.Shape{x[:axis].Count(), x[axis:].Count()}, nil
}
