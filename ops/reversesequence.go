package ops

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
)

// ReverseSequence reverses the order of the first places along TimeAxis; how many, an input says for each place along
// BatchAxis.
type ReverseSequence struct {
	BatchAxis int `attr:"batch_axis,default=1"`
	TimeAxis  int `attr:"time_axis,default=0"`
}

func (*ReverseSequence) Def() *ir.Def { return reverseSequence }

var reverseSequence = &ir.Def{
	Name: "ReverseSequence", Doc: "sequences of given lengths turned around", Since: []int{10},
	New:   func() ir.Op { return ir.New[ReverseSequence]() },
	Ins:   []ir.Param{{Name: "input", Type: "T"}, {Name: "sequence_lens", Type: "int64"}},
	Outs:  []ir.Param{{Name: "Y", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": anyType},
	Infer: func(c *ir.InferCtx) error {
		c.SetShape(0, c.Shape(0))
		return c.Node.Op.(*ReverseSequence).check(c.Shape(0))
	},
	Eval: evalReverseSequence,
}

func (a *ReverseSequence) check(x ir.Shape) error {
	if a.BatchAxis < 0 || a.BatchAxis > 1 || a.TimeAxis != 1-a.BatchAxis {
		return &ir.AttrError{Attr: "batch_axis", Msg: fmt.Sprintf("%d and time_axis %d must be 0 and 1", a.BatchAxis, a.TimeAxis)}
	}
	if x != nil && len(x) < 2 {
		return fmt.Errorf("input has shape %v, expects at least two dimensions", x)
	}
	return nil
}

func evalReverseSequence(c *ir.EvalCtx) error {
	a, x := c.Op.(*ReverseSequence), c.In[0]
	if err := a.check(shapeOf(c, 0)); err != nil {
		return err
	}
	lens, _ := c.In[1].AsInts()
	if len(lens) != x.Dim(a.BatchAxis) {
		return fmt.Errorf("%d sequence_lens for a batch of %d", len(lens), x.Dim(a.BatchAxis))
	}
	for _, n := range lens {
		if n < 0 || n > x.Dim(a.TimeAxis) {
			return fmt.Errorf("sequence_lens %v: lengths must be from 0 to %d", lens, x.Dim(a.TimeAxis))
		}
	}
	out, err := c.Output(0, x.DType(), x.Shape()...)
	if err != nil || out.Len() == 0 {
		return err
	}
	inner := 1
	for _, n := range x.Shape()[2:] {
		inner *= n
	}
	from, err := ir.Scratch[int](c, x.Len())
	if err != nil {
		return err
	}
	from = from[:0]
	for i := range x.Dim(0) {
		for j := range x.Dim(1) {
			at := [2]int{i, j}
			if n := lens[at[a.BatchAxis]]; at[a.TimeAxis] < n {
				at[a.TimeAxis] = n - 1 - at[a.TimeAxis]
			}
			for k := range inner {
				from = append(from, (at[0]*x.Dim(1)+at[1])*inner+k)
			}
		}
	}
	moveElements(c, out, x, nil, from)
	return nil
}
