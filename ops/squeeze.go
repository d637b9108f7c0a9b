package ops

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
)

// Squeeze removes dimensions of size 1: those that the axes input names, or all.
type Squeeze struct{}

func (*Squeeze) Def() *ir.Def { return squeeze }

var squeeze = &ir.Def{
	Name: "Squeeze", Family: ir.Shaping, Doc: "removes dimensions of size 1", Since: []int{1, 11, 13, 21, 23, 24},
	New:       func() ir.Op { return ir.New[Squeeze]() },
	Ins:       []ir.Param{{Name: "data", Type: "T"}, {Name: "axes", Type: "int64", Kind: ir.Optional}},
	Outs:      []ir.Param{{Name: "squeezed", Type: "T"}},
	Types:     map[string]ir.TypeSet{"T": anyType},
	Upgrade:   upgradeSqueeze,
	Downgrade: downgradeSqueeze,
	Infer:     inferSqueeze,
	Eval:      evalSqueeze,
	Shares:    always,
	Grad:      backward(reshaped),
}

// Before opset 13 the axes were an attribute.
func upgradeSqueeze(l *ir.Legacy) error {
	if l.Opset < 13 {
		return l.IntsInput("axes", 1)
	}
	return nil
}

func inferSqueeze(c *ir.InferCtx) error {
	in := c.Shape(0)
	axes, known := c.Ints(1)
	if in == nil {
		return nil
	}
	if c.Has(1) && !known {
		if n, ok := length(c, 1); ok && 0 < n && n <= len(in) {
			c.SetShape(0, ir.UnknownShape(len(in)-n))
		}
		return nil
	}
	if !c.Has(1) {
		for i, d := range in {
			if !d.IsKnown() { // it may be 1 or not
				return nil
			}
			if d == ir.Known(1) {
				axes = append(axes, i)
			}
		}
	}
	axes, err := axesOf(axes, len(in))
	if err != nil {
		return err
	}
	out := ir.Shape{}
	for i, d := range in {
		switch {
		case !slices.Contains(axes, i):
			out = append(out, d)
		case d.IsKnown() && d != ir.Known(1):
			return fmt.Errorf("dimension %d of %v is not 1 and cannot be squeezed", i, in)
		}
	}
	c.SetShape(0, out)
	if len(out) == 0 {
		c.SetDims(0, c.Dims(0))
	}
	return nil
}

func evalSqueeze(c *ir.EvalCtx) error {
	shape, axes := c.In[0].Shape(), []int(nil)
	if c.Has(1) {
		axes, _ = c.In[1].AsInts()
	}
	axes, err := axesOf(axes, len(shape))
	if err != nil {
		return err
	}
	out := []int{}
	for i, d := range shape {
		if c.Has(1) && !slices.Contains(axes, i) || !c.Has(1) && d != 1 {
			out = append(out, d)
		} else if d != 1 {
			return fmt.Errorf("dimension %d of %v is not 1 and cannot be squeezed", i, shape)
		}
	}
	c.SetOutput(0, c.In[0].Reshaped(out...))
	return nil
}

func downgradeSqueeze(l *ir.Legacy) error {
	if l.Opset >= 13 {
		return nil
	}
	x, given := l.In(0), l.In(1) != nil
	if err := axesAttr(l, 1, 13, 0); err != nil {
		return err
	}
	if given && l.Attr("axes") == nil { // none, where no attribute means all
		l.Replace(x)
	}
	return nil
}
