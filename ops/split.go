package ops

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
)

// Split cuts a tensor along Axis into pieces: of the sizes that an input gives, or as many as outputs, all but the last
// equally long.
type Split struct {
	Axis       int `attr:"axis,default=0"`
	NumOutputs int `attr:"num_outputs"`
}

func (*Split) Def() *ir.Def { return split }

var split = &ir.Def{
	Name: "Split", Family: ir.Shaping, Doc: "cuts along an axis", Since: []int{1, 2, 11, 13, 18},
	New:       func() ir.Op { return ir.New[Split]() },
	Ins:       []ir.Param{{Name: "input", Type: "T"}, {Name: "split", Type: "int64", Kind: ir.Optional}},
	Outs:      []ir.Param{{Name: "outputs", Type: "T", Kind: ir.Variadic}},
	Types:     map[string]ir.TypeSet{"T": anyType},
	Upgrade:   upgradeSplit,
	Downgrade: downgradeSplit,
	Infer:     inferSplit,
	Eval:      evalSplit,
	Grad:      backward(gradSplit),
}

// Before opset 13 the sizes were an attribute.
func upgradeSplit(l *ir.Legacy) error {
	if l.Opset < 13 {
		return l.IntsInput("split", 1)
	}
	return nil
}

// pieces is the sizes of the outputs along an axis of size n; sizes is nil where the node gives none.
func (a *Split) pieces(n int, sizes []int, outs int) ([]int, error) {
	if sizes == nil {
		if a.NumOutputs != 0 && a.NumOutputs != outs {
			return nil, &ir.AttrError{Attr: "num_outputs", Msg: fmt.Sprintf("is %d, the node has %d outputs", a.NumOutputs, outs)}
		}
		each := (n + outs - 1) / outs
		if a.NumOutputs == 0 && n%outs != 0 || (outs-1)*each > n {
			return nil, fmt.Errorf("%d places cannot be cut into %d pieces", n, outs)
		}
		for i := range outs {
			sizes = append(sizes, min(each, n-i*each))
		}
		return sizes, nil
	}
	if len(sizes) != outs {
		return nil, fmt.Errorf("split has %d sizes, the node has %d outputs", len(sizes), outs)
	}
	sum := 0
	for _, s := range sizes {
		if s < 0 || s > n {
			return nil, fmt.Errorf("split %v: sizes must be from 0 to %d", sizes, n)
		}
		sum += s
	}
	if sum != n {
		return nil, fmt.Errorf("split %v does not add up to the %d places of axis %d", sizes, n, a.Axis)
	}
	return sizes, nil
}

func inferSplit(c *ir.InferCtx) error {
	a, x := c.Node.Op.(*Split), c.Shape(0)
	if x == nil {
		return nil
	}
	axis, err := axisOf(a.Axis, len(x))
	if err != nil {
		return &ir.AttrError{Attr: "axis", Msg: err.Error()}
	}
	sizes, known := c.Ints(1)
	var pieces []int
	if x[axis].IsKnown() && (known || !c.Has(1)) {
		if pieces, err = a.pieces(x[axis].N, sizes, c.NumOut()); err != nil {
			return err
		}
	}
	at := 0
	for o := range c.NumOut() {
		out := x.Clone()
		switch {
		case pieces != nil:
			out[axis] = ir.Known(pieces[o])
			if dims := c.Dims(0); dims != nil && len(x) == 1 {
				c.SetDims(o, dims[at:at+pieces[o]])
			}
			at += pieces[o]
		case known && len(sizes) == c.NumOut():
			out[axis] = ir.Known(sizes[o])
		case !c.Has(1) && a.NumOutputs == 0:
			out[axis] = x[axis].Div(ir.Known(c.NumOut()))
		default:
			out[axis] = ir.UnknownDim
		}
		c.SetShape(o, out)
	}
	return nil
}

func evalSplit(c *ir.EvalCtx) error {
	a, x := c.Op.(*Split), c.In[0]
	axis, err := axisOf(a.Axis, x.Rank())
	if err != nil {
		return err
	}
	var sizes []int
	if c.Has(1) {
		sizes, _ = c.In[1].AsInts()
		sizes = append([]int{}, sizes...)
	}
	outs := max(1, a.NumOutputs)
	if c.Node != nil {
		outs = len(c.Node.Outputs())
	}
	pieces, err := a.pieces(x.Dim(axis), sizes, outs)
	if err != nil {
		return err
	}
	from := 0
	for o, n := range pieces {
		shape := append([]int{}, x.Shape()...)
		shape[axis] = n
		out, err := c.Output(o, x.DType(), shape...)
		if err != nil {
			return err
		}
		copySlab(c, out, x, axis, 0, from, n)
		from += n
	}
	return nil
}

// Opset 18 wants the number of outputs stated where no sizes are; before, pieces without sizes were of one size, and
// before 13 the sizes were an attribute.
func downgradeSplit(l *ir.Legacy) error {
	if l.Opset >= 18 {
		if l.In(1) == nil {
			l.Set("num_outputs", l.NumOuts)
		}
		return nil
	}
	if l.Take("num_outputs") != nil {
		a, x := l.Node.Op.(*Split), l.In(0).Type().Shape
		axis, err := axisOf(a.Axis, len(x))
		if err != nil || !x[axis].IsKnown() {
			return l.Needs(18, `attribute "num_outputs" for a dimension of unknown size`)
		}
		sizes, err := a.pieces(x[axis].N, nil, l.NumOuts)
		if err != nil {
			return err
		}
		l.SetIn(1, l.Ints(sizes...))
	}
	if l.Opset < 13 {
		if err := l.IntsAttr("split", 1, 13); err != nil {
			return err
		}
	}
	return downgradeAxis(l)
}

func gradSplit(g *gradient) {
	pieces := make([]*ir.Value, len(g.Node.Outputs()))
	for o := range pieces {
		if pieces[o] = g.Of(o); pieces[o] == nil {
			if g.Out(o) == nil {
				g.fail("output %d is absent", o)
				return
			}
			pieces[o] = g.zeros(g.Out(o))
		}
	}
	g.give(0, g.do(&Concat{Axis: g.Node.Op.(*Split).Axis}, pieces...))
}
