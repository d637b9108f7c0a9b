package ops

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Pad adds places at both ends of the axes, filled with a constant or from the tensor itself; negative pads cut off.
type Pad struct {
	Mode string `attr:"mode,default=constant,oneof=constant|reflect|edge|wrap"`
}

func (*Pad) Def() *ir.Def { return pad }

var pad = &ir.Def{
	Name: "Pad", Family: ir.Shaping, Doc: "adds places at the ends of dimensions", Since: []int{1, 2, 11, 13, 18, 19, 21, 23, 24},
	New: func() ir.Op { return ir.New[Pad]() },
	Ins: []ir.Param{{Name: "data", Type: "T", Learned: ir.Never}, {Name: "pads", Type: "int64"},
		{Name: "constant_value", Type: "T", Kind: ir.Optional, Learned: ir.Never}, {Name: "axes", Type: "Tind", Kind: ir.Optional}},
	Outs:      []ir.Param{{Name: "output", Type: "T"}},
	Types:     map[string]ir.TypeSet{"T": anyType, "Tind": indexTypes},
	Upgrade:   upgradePad,
	Downgrade: downgradePad,
	Widened:   []ir.Widening{{Opset: 11, Var: "T", Types: integerTypes}, {Opset: 13, Var: "T", Types: anyType &^ numericTypes}},
	Infer:     inferPad,
	Eval:      evalPad,
	Grad:      backward(gradPad),
}

// Before opset 11 pads (in opset 1 paddings) and value were attributes.
func upgradePad(l *ir.Legacy) error {
	if l.Opset >= 11 {
		return nil
	}
	if l.Opset < 2 {
		if p := l.Take("paddings"); p != nil {
			l.Set("pads", p)
		}
	}
	if l.Attr("pads") == nil {
		return &ir.AttrError{Attr: "pads", Msg: "is required"}
	}
	value, ok, err := l.TakeFloat("value")
	if err != nil {
		return err
	}
	if ok && value != 0 {
		t := tensor.Scalar(value)
		if dt := l.In(0).Type().DType; dt != tensor.Float32 {
			if !floatTypes.Has(dt) {
				return &ir.AttrError{Attr: "value", Msg: fmt.Sprintf("cannot pad %s", dt)}
			}
			t = tensor.FromFloat32(t, dt)
		}
		l.SetIn(2, l.Const(t))
	}
	return l.IntsInput("pads", 1)
}

// padsOf is the pads at the start and at the end of each of rank dimensions; axes is nil for all of them.
func padsOf(pads, axes []int, rank int) (before, after []int, err error) {
	if axes == nil {
		for d := range rank {
			axes = append(axes, d)
		}
	}
	if axes, err = axesOf(axes, rank); err != nil {
		return nil, nil, err
	}
	if len(pads) != 2*len(axes) {
		return nil, nil, fmt.Errorf("%d pads for %d axes, expects two for each", len(pads), len(axes))
	}
	before, after = make([]int, rank), make([]int, rank)
	for i, d := range axes {
		before[d], after[d] = pads[i], pads[len(axes)+i]
		if max(before[d], after[d]) > maxWindowSize || min(before[d], after[d]) < -maxWindowSize {
			return nil, nil, fmt.Errorf("pads %v are out of range", pads)
		}
	}
	return before, after, nil
}

func inferPad(c *ir.InferCtx) error {
	x := c.Shape(0)
	if x == nil {
		return nil
	}
	pads, known := c.Ints(1)
	axes, axesKnown := c.Ints(3)
	if !known || c.Has(3) && !axesKnown {
		c.SetShape(0, ir.UnknownShape(len(x)))
		return nil
	}
	before, after, err := padsOf(pads, axes, len(x))
	if err != nil {
		return err
	}
	out := make(ir.Shape, len(x))
	for d := range x {
		out[d] = x[d].Add(ir.Known(before[d] + after[d]))
		if out[d].IsKnown() && out[d].N < 0 {
			return fmt.Errorf("pads %v cut more off %v than there is", pads, x)
		}
	}
	c.SetShape(0, out)
	return nil
}

func evalPad(c *ir.EvalCtx) error {
	a, x := c.Op.(*Pad), c.In[0]
	pads, _ := c.In[1].AsInts()
	var axes []int
	if c.Has(3) {
		axes, _ = c.In[3].AsInts()
		axes = append([]int{}, axes...)
	}
	before, after, err := padsOf(pads, axes, x.Rank())
	if err != nil {
		return err
	}
	shape := make([]int, x.Rank())
	for d, n := range x.Shape() {
		if shape[d] = n + before[d] + after[d]; shape[d] < 0 {
			return fmt.Errorf("pads %v cut more off %v than there is", pads, x)
		}
		if a.Mode != "constant" && n == 0 && shape[d] > 0 {
			return fmt.Errorf("mode %s cannot fill from the empty dimension %d of %v", a.Mode, d, x)
		}
	}
	out, err := c.Output(0, x.DType(), shape...)
	if err != nil || out.Len() == 0 {
		return err
	}
	if a.Mode == "constant" {
		return padConstant(c, out, x, before)
	}
	offsets, strides := make([][]int, x.Rank()), tensor.Strides(x.Shape())
	for d, n := range x.Shape() {
		offsets[d] = make([]int, shape[d])
		for i := range offsets[d] {
			offsets[d][i] = a.source(i-before[d], n) * strides[d]
		}
	}
	copyMapped(c, out, x, offsets)
	return nil
}

// source is the place from 0 to n-1 that fills place i, which may be outside.
func (a *Pad) source(i, n int) int {
	switch a.Mode {
	case "edge":
		return min(max(i, 0), n-1)
	case "wrap":
		return ((i % n) + n) % n
	}
	if n == 1 {
		return 0
	}
	period := 2 * (n - 1)
	i = ((i % period) + period) % period
	return min(i, period-i)
}

// padConstant fills out and copies into it the part of x that stays.
func padConstant(c *ir.EvalCtx, out, x *tensor.Tensor, before []int) error {
	if c.Has(2) {
		if c.In[2].Len() != 1 {
			return fmt.Errorf("constant_value has %d elements, expects one", c.In[2].Len())
		}
		copyStrided(c, out, c.In[2], out.Shape(), make([]int, out.Rank()))
	}
	// The part that stays: of x it begins at -before where that is positive, of out at before.
	from, to, size := make([]int, x.Rank()), make([]int, x.Rank()), make([]int, x.Rank())
	for d := range size {
		from[d], to[d] = max(-before[d], 0), max(before[d], 0)
		if size[d] = min(x.Dim(d)-from[d], out.Dim(d)-to[d]); size[d] <= 0 {
			return nil
		}
	}
	copyBox(out, x, to, from, size)
	return nil
}

// copyBox copies a box of a size from one place of src to one of dst, line by line.
func copyBox(dst, src *tensor.Tensor, to, from, size []int) {
	if len(size) == 0 {
		dst.CopyFrom(src)
		return
	}
	ds, ss := tensor.Strides(dst.Shape()), tensor.Strides(src.Shape())
	last := len(size) - 1
	at, begin := to[last], from[last]
	for d := range last {
		at += to[d] * ds[d]
		begin += from[d] * ss[d]
	}
	line := size[last]
	eachOffset(size[:last], [][]int{ds[:last], ss[:last]}, func(_ int, offs []int) {
		d, s := at+offs[0], begin+offs[1]
		if dst.DType() == tensor.String {
			copy(tensor.Data[string](dst)[d:d+line], tensor.Data[string](src)[s:s+line])
			return
		}
		w := dst.DType().Size()
		copy(dst.Bytes()[d*w:(d+line)*w], src.Bytes()[s*w:(s+line)*w])
	})
}

// Axes came with opset 18, the mode wrap with 19; before 11 pads and value were attributes.
func downgradePad(l *ir.Legacy) error {
	mode := l.Node.Op.(*Pad).Mode
	if mode == "wrap" && l.Opset < 19 {
		return l.Needs(19, `attribute "mode" wrap`)
	}
	if l.In(3) != nil && l.Opset < 18 {
		if err := padAllAxes(l); err != nil {
			return err
		}
	}
	if l.Opset >= 11 {
		return nil
	}
	if fill := l.In(2); fill != nil {
		if v, ok := float32Of(fill); ok {
			l.Set("value", v)
		} else if mode == "constant" {
			return l.Needs(11, "input 2 (constant_value), which is no known float32,")
		}
		l.Inputs[2] = nil
	}
	return l.IntsAttr("pads", 1, 11)
}

// padAllAxes states pads for every dimension, not for the axes of input 3.
func padAllAxes(l *ir.Legacy) error {
	x, pads, axes := l.In(0).Type().Shape, l.In(1).Const(), l.In(3).Const()
	if x == nil || pads == nil || axes == nil {
		return l.Needs(18, "input 3 (axes)")
	}
	padInts, _ := pads.AsInts()
	axisInts, _ := axes.AsInts()
	before, after, err := padsOf(padInts, append([]int{}, axisInts...), len(x))
	if err == nil {
		l.SetIn(1, l.Ints(slices.Concat(before, after)...))
		l.Inputs = l.Inputs[:3]
	}
	return err
}

// gradPad cuts off what was added, and adds zeros for what was cut off; other modes than constant add to where they took
// from.
func gradPad(g *gradient) {
	if g.Node.Op.(*Pad).Mode != "constant" {
		moved(g)
		return
	}
	in := g.others(g.Of(0))
	if len(in) > 2 {
		in[2] = nil
	}
	if pads := in[1].Const(); pads != nil {
		ints, _ := pads.AsInts()
		ints = slices.Clone(ints)
		for i := range ints {
			ints[i] = -ints[i]
		}
		in[1] = g.ints(ints...)
	} else {
		in[1] = g.do(&Neg{}, in[1])
	}
	dx := g.do(ir.New[Pad](), in...)
	g.give(0, dx)
	if g.Wants(2) {
		all, kept := g.do(ir.New[ReduceSum](), g.Of(0)), g.do(ir.New[ReduceSum](), dx)
		g.give(2, g.likewise(g.sub(g.likewise(all, g.In(2)), g.likewise(kept, g.In(2))), g.In(2)))
	}
}
