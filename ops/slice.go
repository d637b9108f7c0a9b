package ops

import (
	"fmt"
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Slice takes, along each of the axes, the places from start to before end, every step-th. Negative places count from
// the end, and places outside are brought inside; a negative step goes backwards.
type Slice struct{}

func (*Slice) Def() *ir.Def { return slice }

var slice = &ir.Def{
	Name: "Slice", Family: ir.Shaping, Doc: "a range of places along axes", Since: []int{1, 10, 11, 13},
	New: func() ir.Op { return ir.New[Slice]() },
	Ins: []ir.Param{{Name: "data", Type: "T"}, {Name: "starts", Type: "Tind"}, {Name: "ends", Type: "Tind"},
		{Name: "axes", Type: "Tind", Kind: ir.Optional}, {Name: "steps", Type: "Tind", Kind: ir.Optional}},
	Outs:      []ir.Param{{Name: "output", Type: "T"}},
	Types:     map[string]ir.TypeSet{"T": anyType, "Tind": indexTypes},
	Upgrade:   upgradeSlice,
	Downgrade: downgradeSlice,
	Infer:     inferSlice,
	Eval:      evalSlice,
	Grad:      backward(moved),
}

// Before opset 10 starts, ends and axes were attributes.
func upgradeSlice(l *ir.Legacy) error {
	if l.Opset >= 10 {
		return nil
	}
	for i, name := range []string{"starts", "ends", "axes"} {
		if name != "axes" && l.Attr(name) == nil {
			return &ir.AttrError{Attr: name, Msg: "is required"}
		}
		if err := l.IntsInput(name, i+1); err != nil {
			return err
		}
	}
	return nil
}

// sliceRange is the places that are taken along one axis.
type sliceRange struct{ axis, start, end, step int }

// sliceRanges pairs up the inputs' numbers; absent axes are 0, 1, …, absent steps 1.
func sliceRanges(starts, ends, axes, steps []int, rank int) ([]sliceRange, error) {
	if axes == nil {
		for i := range starts {
			axes = append(axes, i)
		}
	}
	if len(ends) != len(starts) || len(axes) != len(starts) || steps != nil && len(steps) != len(starts) {
		return nil, fmt.Errorf("%d starts, %d ends, %d axes and %d steps do not fit together", len(starts), len(ends), len(axes), len(steps))
	}
	axes, err := axesOf(axes, rank)
	if err != nil {
		return nil, err
	}
	ranges := make([]sliceRange, len(starts))
	for i, a := range axes {
		ranges[i] = sliceRange{a, starts[i], ends[i], 1}
		if steps != nil {
			ranges[i].step = steps[i]
		}
		if ranges[i].step == 0 {
			return nil, fmt.Errorf("step of axis %d is 0", a)
		}
	}
	return ranges, nil
}

// resolve is the first place and the number of places in a dimension of size n. As the specification has it, and NumPy does
// not, a start before the dimension is its first place whatever the step.
func (r sliceRange) resolve(n int) (start, count int) {
	clamp := func(i, lo, hi int) int {
		if i < 0 {
			i += n
		}
		return min(max(i, lo), hi)
	}
	if r.step > 0 {
		start, end := clamp(r.start, 0, n), clamp(r.end, 0, n)
		if end <= start {
			return start, 0
		}
		return start, (end-start-1)/r.step + 1
	}
	start, end := clamp(r.start, 0, n-1), clamp(max(r.end, -math.MaxInt/2), -1, n-1)
	if end >= start {
		return start, 0
	}
	return start, (start-end-1)/-max(r.step, -math.MaxInt) + 1
}

func inferSlice(c *ir.InferCtx) error {
	x := c.Shape(0)
	if x == nil {
		return nil
	}
	var lists [4][]int
	for i := range lists {
		var known bool
		if lists[i], known = c.Ints(i + 1); c.Has(i+1) && !known {
			c.SetShape(0, ir.UnknownShape(len(x)))
			return nil
		}
	}
	ranges, err := sliceRanges(lists[0], lists[1], lists[2], lists[3], len(x))
	if err != nil {
		return err
	}
	out := x.Clone()
	for _, r := range ranges {
		switch {
		case x[r.axis].IsKnown():
			_, n := r.resolve(x[r.axis].N)
			out[r.axis] = ir.Known(n)
		case r.start == 0 && r.step == 1 && r.end >= math.MaxInt32: // all of it
		default:
			out[r.axis] = ir.UnknownDim
		}
	}
	c.SetShape(0, out)
	if dims := c.Dims(0); dims != nil && len(x) == 1 && len(ranges) == 1 {
		start, n := ranges[0].resolve(len(dims))
		taken := make([]ir.Dim, n)
		for i := range taken {
			taken[i] = dims[start+i*ranges[0].step]
		}
		c.SetDims(0, taken)
	}
	return nil
}

func evalSlice(c *ir.EvalCtx) error {
	x := c.In[0]
	var lists [4][]int
	for i := range lists {
		if c.Has(i + 1) {
			lists[i], _ = c.In[i+1].AsInts()
		}
	}
	ranges, err := sliceRanges(lists[0], lists[1], lists[2], lists[3], x.Rank())
	if err != nil {
		return err
	}
	shape, starts, steps := slices.Clone(x.Shape()), make([]int, x.Rank()), orOnes(nil, x.Rank())
	for _, r := range ranges {
		starts[r.axis], shape[r.axis] = r.resolve(x.Dim(r.axis))
		steps[r.axis] = r.step
	}
	out, err := c.Output(0, x.DType(), shape...)
	if err != nil || out.Len() == 0 {
		return err
	}
	offsets := make([][]int, x.Rank())
	for d, stride := range tensor.Strides(x.Shape()) {
		offsets[d] = places(starts[d], shape[d], steps[d], stride)
	}
	copyMapped(c, out, x, offsets)
	return nil
}

// Strided is where the elements that a Slice takes lie in its input, whose shape must be known: the index of the first,
// and the distance between neighbours along each dimension, in elements. ok is false where the other inputs are not
// constant.
func (*Slice) Strided(n *ir.Node) (offset int, strides []int, ok bool) {
	shape, known := n.In(0).Type().Shape.Ints()
	var lists [4][]int
	for i := range lists {
		if v := n.In(i + 1); v != nil {
			if v.Const() == nil {
				return 0, nil, false
			}
			lists[i], _ = v.Const().AsInts()
		}
	}
	ranges, err := sliceRanges(lists[0], lists[1], lists[2], lists[3], len(shape))
	if !known || err != nil {
		return 0, nil, false
	}
	strides = tensor.Strides(shape)
	for _, r := range ranges {
		start, _ := r.resolve(shape[r.axis])
		offset += start * strides[r.axis]
	}
	for _, r := range ranges {
		strides[r.axis] *= r.step
	}
	return offset, strides, true
}

// places is the offsets of n places from start on, step apart, along a dimension of a stride.
func places(start, n, step, stride int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = (start + i*step) * stride
	}
	return out
}

// Before opset 10 there were no steps, and the other inputs were attributes.
func downgradeSlice(l *ir.Legacy) error {
	if l.Opset >= 10 {
		return nil
	}
	if err := l.IntsAttr("steps", 4, 10); err != nil {
		return err
	}
	takeOnes(l, "steps")
	if l.Attr("steps") != nil {
		return l.Needs(10, "a step other than 1")
	}
	for i, name := range []string{"starts", "ends"} {
		if err := l.IntsAttr(name, i+1, 10); err != nil {
			return err
		}
	}
	return axesAttr(l, 3, 10, 0)
}
