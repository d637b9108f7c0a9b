package ops

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Reshape gives the elements another shape: -1 stands for what is left, 0 for the input's dimension there unless
// AllowZero.
type Reshape struct {
	AllowZero bool `attr:"allowzero,since=14"`
}

func (*Reshape) Def() *ir.Def { return reshape }

var reshape = &ir.Def{
	Name: "Reshape", Family: ir.Shaping, Doc: "the same elements in another shape", Since: []int{1, 5, 13, 14, 19, 21, 23, 24},
	New:     func() ir.Op { return ir.New[Reshape]() },
	Ins:     []ir.Param{{Name: "data", Type: "T"}, {Name: "shape", Type: "int64"}},
	Outs:    []ir.Param{{Name: "reshaped", Type: "T"}},
	Types:   map[string]ir.TypeSet{"T": anyType},
	Upgrade: upgradeReshape,
	Downgrade: func(l *ir.Legacy) error {
		if t := l.In(1).Const(); l.Opset < 14 && t != nil {
			if ints, _ := t.AsInts(); !slices.Contains(ints, 0) { // there is nothing to allow
				l.Take("allowzero")
			}
		}
		return nil
	},
	Infer:  inferReshape,
	Eval:   evalReshape,
	Shares: always,
	Grad:   backward(reshaped),
}

// Before opset 5 the shape was an attribute.
func upgradeReshape(l *ir.Legacy) error {
	if l.Opset >= 5 {
		return nil
	}
	l.Take("consumed_inputs")
	return l.IntsInput("shape", 1)
}

func inferReshape(c *ir.InferCtx) error {
	want := c.Dims(1)
	if want == nil {
		if n, ok := length(c, 1); ok {
			c.SetShape(0, ir.UnknownShape(n))
		}
		return nil
	}
	out, err := c.Node.Op.(*Reshape).shape(c.Shape(0), want)
	if err != nil {
		return err
	}
	c.SetShape(0, out)
	if len(out) <= 1 {
		c.SetDims(0, c.Dims(0))
	}
	return nil
}

// shape is the output's shape as far as it is known; in may be nil.
func (a *Reshape) shape(in ir.Shape, want []ir.Dim) (ir.Shape, error) {
	out := make(ir.Shape, len(want))
	free, rest := -1, ir.Known(1)
	for i, d := range want {
		switch {
		case d == ir.Known(0) && !a.AllowZero:
			out[i] = ir.UnknownDim
			if in != nil {
				if i >= len(in) {
					return nil, fmt.Errorf("shape %v copies dimension %d of a tensor of %d", ir.Shape(want), i, len(in))
				}
				out[i] = in[i]
			}
		case d == ir.Known(-1):
			if free >= 0 {
				return nil, fmt.Errorf("shape %v has more than one -1", ir.Shape(want))
			}
			free = i
			continue
		case d.IsKnown() && d.N < 0:
			return nil, fmt.Errorf("shape %v has a negative dimension", ir.Shape(want))
		default:
			out[i] = d
		}
		rest = rest.Mul(out[i])
	}
	total := in.Count()
	if free >= 0 {
		out[free] = quotient(in, out, free)
		if total.IsKnown() && rest.IsKnown() && (rest.N == 0 || total.N%rest.N != 0) {
			return nil, fmt.Errorf("shape %v does not divide the %d elements of %v", ir.Shape(want), total.N, in)
		}
	} else if total.IsKnown() && rest.IsKnown() && total != rest {
		return nil, fmt.Errorf("shape %v has %d elements, the input %v has %d", ir.Shape(want), rest.N, in, total.N)
	}
	return out, nil
}

// quotient is the dimension that is left for out[free]. Dimensions that stand on both sides cancel out, so that a shape
// of several symbols can be divided.
func quotient(in, out ir.Shape, free int) ir.Dim {
	if in == nil {
		return ir.UnknownDim
	}
	num, den := ir.Known(1), ir.Known(1)
	left := in.Clone()
	for i, d := range out {
		if i == free {
			continue
		}
		cancelled := false
		for j, e := range left {
			if d.Sym != "" && d.Same(e) {
				left = append(left[:j:j], left[j+1:]...)
				cancelled = true
				break
			}
		}
		if !cancelled {
			den = den.Mul(d)
		}
	}
	for _, d := range left {
		num = num.Mul(d)
	}
	return num.Div(den)
}

func evalReshape(c *ir.EvalCtx) error {
	want, _ := c.In[1].AsInts()
	out, err := c.Op.(*Reshape).shape(shapeOf(c, 0), ir.Dims(want...))
	if err != nil {
		return err
	}
	shape, ok := out.Ints()
	if n, err := tensor.Count(c.In[0].DType(), shape); !ok || err != nil || n != c.In[0].Len() {
		return fmt.Errorf("shape %v does not fit the %d elements of %v", want, c.In[0].Len(), c.In[0])
	}
	c.SetOutput(0, c.In[0].Reshaped(shape...))
	return nil
}
