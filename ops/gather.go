package ops

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Gather takes the places along Axis that the indices name; negative ones count from the end. The indices' shape stands
// in the output where the axis was.
type Gather struct {
	Axis int `attr:"axis,default=0"`
}

func (*Gather) Def() *ir.Def { return gather }

var gather = &ir.Def{
	Name: "Gather", Family: ir.Shaping, Doc: "places along an axis, by index", Since: []int{1, 11, 13},
	New:       func() ir.Op { return ir.New[Gather]() },
	Ins:       []ir.Param{{Name: "data", Type: "T"}, {Name: "indices", Type: "Tind"}},
	Outs:      []ir.Param{{Name: "output", Type: "T"}},
	Types:     map[string]ir.TypeSet{"T": anyType, "Tind": indexTypes},
	Downgrade: downgradeGather,
	Infer:     inferGather,
	Eval:      evalGather,
	Grad:      backward(moved),
}

func inferGather(c *ir.InferCtx) error {
	x, at := c.Shape(0), c.Shape(1)
	if x == nil {
		return nil
	}
	axis, err := axisOf(c.Node.Op.(*Gather).Axis, len(x))
	if err != nil {
		return &ir.AttrError{Attr: "axis", Msg: err.Error()}
	}
	if at == nil {
		return nil
	}
	c.SetShape(0, append(append(append(ir.Shape{}, x[:axis]...), at...), x[axis+1:]...)) // never nil, which would be an unknown rank
	dims := c.Dims(0)
	indices, known := c.Ints(1)
	if dims == nil || !known || len(x) != 1 || len(at) > 1 {
		return nil
	}
	out := make([]ir.Dim, len(indices))
	for i, n := range indices {
		n, err := indexOf(n, len(dims))
		if err != nil {
			return err
		}
		out[i] = dims[n]
	}
	c.SetDims(0, out)
	return nil
}

// indexOf is index as a number from 0 to size-1; negative ones count from the end.
func indexOf(index, size int) (int, error) {
	if index < -size || index >= size {
		return 0, fmt.Errorf("index %d is outside of a dimension of size %d", index, size)
	}
	if index < 0 {
		index += size
	}
	return index, nil
}

func evalGather(c *ir.EvalCtx) error {
	x, at := c.In[0], c.In[1]
	axis, err := axisOf(c.Op.(*Gather).Axis, x.Rank())
	if err != nil {
		return err
	}
	indices, _ := at.AsInts()
	for i, n := range indices {
		if indices[i], err = indexOf(n, x.Dim(axis)); err != nil {
			return err
		}
	}
	out, err := c.Output(0, x.DType(), slices.Concat(x.Shape()[:axis], at.Shape(), x.Shape()[axis+1:])...)
	if err != nil {
		return err
	}
	// Seen with the indices in one dimension, each of them is a slab.
	flat := slices.Concat(x.Shape()[:axis], []int{len(indices)}, x.Shape()[axis+1:])
	if out.Len() == 0 {
		return nil
	}
	dst := out.Reshaped(flat...)
	for i, n := range indices {
		copySlab(c, dst, x, axis, i, n, 1)
	}
	return nil
}

// Before opset 11 axis and indices were counted from the front.
func downgradeGather(l *ir.Legacy) error {
	if err := downgradeAxis(l); err != nil || l.Opset >= 11 || l.In(1).Const() == nil {
		return err
	}
	ints, _ := l.In(1).Const().AsInts()
	if !slices.ContainsFunc(ints, func(i int) bool { return i < 0 }) {
		return nil
	}
	x := l.In(0).Type().Shape
	axis := max(l.Node.Op.(*Gather).Axis, 0)
	if at, ok := l.Attr("axis").(int); ok {
		axis = at
	}
	if x == nil || !x[axis].IsKnown() {
		return l.Needs(11, "a negative index of a dimension of unknown size")
	}
	t := tensor.New(tensor.Int64, l.In(1).Const().Shape()...)
	for i, n := range ints {
		n, err := indexOf(n, x[axis].N)
		if err != nil {
			return err
		}
		tensor.Data[int64](t)[i] = int64(n)
	}
	l.SetIn(1, l.Const(t))
	return nil
}
