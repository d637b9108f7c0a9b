package ops

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Compress keeps the places along Axis, or of all elements in a row without one, whose condition is true. Places beyond
// the conditions are left out.
type Compress struct {
	Axis *int `attr:"axis"`
}

func (*Compress) Def() *ir.Def { return compress }

var compress = &ir.Def{
	Name: "Compress", Doc: "the places whose condition is true", Since: []int{9, 11},
	New:       func() ir.Op { return ir.New[Compress]() },
	Ins:       []ir.Param{{Name: "input", Type: "T"}, {Name: "condition", Type: "bool"}},
	Outs:      []ir.Param{{Name: "output", Type: "T"}},
	Types:     map[string]ir.TypeSet{"T": anyType},
	Downgrade: downgradeAxis,
	Infer: func(c *ir.InferCtx) error {
		a, x := c.Node.Op.(*Compress), c.Shape(0)
		switch {
		case a.Axis == nil:
			c.SetShape(0, ir.UnknownShape(1))
		case x != nil:
			axis, err := axisOf(*a.Axis, len(x))
			if err != nil {
				return &ir.AttrError{Attr: "axis", Msg: err.Error()}
			}
			out := x.Clone()
			out[axis] = ir.UnknownDim
			c.SetShape(0, out)
		}
		return nil
	},
	Eval: func(c *ir.EvalCtx) error {
		a, x := c.Op.(*Compress), c.In[0]
		axis := 0
		if a.Axis == nil {
			x = x.Reshaped(x.Len())
		} else {
			var err error
			if axis, err = axisOf(*a.Axis, x.Rank()); err != nil {
				return err
			}
		}
		if c.In[1].Rank() != 1 {
			return fmt.Errorf("condition is %v, expects one dimension", c.In[1])
		}
		var keep []int
		for i, yes := range tensor.Data[bool](c.In[1]) {
			if yes && i < x.Dim(axis) {
				keep = append(keep, i)
			}
		}
		shape := append([]int{}, x.Shape()...)
		shape[axis] = len(keep)
		out, err := c.Output(0, x.DType(), shape...)
		if err != nil {
			return err
		}
		for to, from := range keep {
			copySlab(c, out, x, axis, to, from, 1)
		}
		return nil
	},
}
