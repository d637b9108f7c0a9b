package ops

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Unique is the different slabs along Axis, or the different elements without one, sorted or in the order of their first
// occurrence; where each occurs first, which of them each place is, and how often each occurs.
type Unique struct {
	Axis   *int `attr:"axis"`
	Sorted bool `attr:"sorted,default=1"`
}

func (*Unique) Def() *ir.Def { return unique }

var unique = &ir.Def{
	Name: "Unique", Doc: "the different elements or slabs", Since: []int{11},
	New: func() ir.Op { return ir.New[Unique]() },
	Ins: []ir.Param{{Name: "X", Type: "T"}},
	Outs: []ir.Param{{Name: "Y", Type: "T"}, {Name: "indices", Type: "int64", Kind: ir.Optional},
		{Name: "inverse_indices", Type: "int64", Kind: ir.Optional}, {Name: "counts", Type: "int64", Kind: ir.Optional}},
	Types: map[string]ir.TypeSet{"T": anyType},
	Infer: func(c *ir.InferCtx) error {
		a, x := c.Node.Op.(*Unique), c.Shape(0)
		for o := range 4 {
			c.SetShape(o, ir.UnknownShape(1))
		}
		if a.Axis == nil {
			return nil
		}
		c.SetShape(0, nil)
		if x != nil {
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
	Eval: evalUnique,
}

func evalUnique(c *ir.EvalCtx) error {
	a, x := c.Op.(*Unique), c.In[0]
	axis := 0
	if a.Axis == nil {
		x = x.Reshaped(x.Len())
	} else {
		var err error
		if axis, err = axisOf(*a.Axis, x.Rank()); err != nil {
			return err
		}
	}
	n := x.Dim(axis)
	s := &scratch{c: c}
	compare := slabOrder(s, x, axis)
	order, inverse := take[int](s, n), take[int64](s, n)
	s.err = cmp.Or(s.err, c.Reserve(3*n, 8)) // what follows of the order
	if s.err != nil {
		return s.err
	}
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, compare)
	var first []int // of each different slab, in order
	var counts []int64
	for k, i := range order {
		if k == 0 || compare(order[k-1], i) != 0 {
			first = append(first, i)
			counts = append(counts, 0)
		}
		counts[len(counts)-1]++
		inverse[i] = int64(len(first) - 1)
	}
	if !a.Sorted {
		first, counts, inverse = byOccurrence(first, counts, inverse)
	}
	shape := slices.Clone(x.Shape())
	shape[axis] = len(first)
	out, err := c.Output(0, x.DType(), shape...)
	if err != nil {
		return err
	}
	for to, from := range first {
		copySlab(c, out, x, axis, to, from, 1)
	}
	indices := make([]int64, len(first))
	for i, n := range first {
		indices[i] = int64(n)
	}
	for o, list := range [][]int64{indices, inverse, counts} {
		c.SetOutput(o+1, tensor.FromSlice(list, len(list)))
	}
	return nil
}

// byOccurrence reorders sorted results by where each first occurs.
func byOccurrence(first []int, counts, inverse []int64) ([]int, []int64, []int64) {
	order := make([]int, len(first))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return first[i] - first[j] })
	place := make([]int64, len(order))
	newFirst, newCounts := make([]int, len(first)), make([]int64, len(first))
	for to, from := range order {
		newFirst[to], newCounts[to], place[from] = first[from], counts[from], int64(to)
	}
	for i, n := range inverse {
		inverse[i] = place[n]
	}
	return newFirst, newCounts, inverse
}

// slabOrder compares the slabs i and j of x along axis, element by element.
func slabOrder(s *scratch, x *tensor.Tensor, axis int) func(i, j int) int {
	one := slices.Clone(x.Shape())
	one[axis] = 1
	strides := tensor.Strides(x.Shape())
	if x.Len() == 0 {
		one = []int{0}
	}
	offsets := take[int](s, one...) // of a slab's elements
	if s.err == nil && len(offsets) > 0 {
		eachOffset(one, [][]int{strides}, func(i int, offs []int) { offsets[i] = offs[0] })
	}
	element := elementOrder(x)
	return func(i, j int) int {
		for _, o := range offsets {
			s.c.Spend(1)
			if by := element(o+i*strides[axis], o+j*strides[axis]); by != 0 {
				return by
			}
		}
		return 0
	}
}

// elementOrder compares the elements i and j of x: numbers by size, strings by bytes, others by their bits.
func elementOrder(x *tensor.Tensor) func(i, j int) int {
	switch x.DType() {
	case tensor.Float32:
		return orderOf[float32](x)
	case tensor.Float64:
		return orderOf[float64](x)
	case tensor.Int8:
		return orderOf[int8](x)
	case tensor.Int16:
		return orderOf[int16](x)
	case tensor.Int32:
		return orderOf[int32](x)
	case tensor.Int64:
		return orderOf[int64](x)
	case tensor.Uint16:
		return orderOf[uint16](x)
	case tensor.Uint32:
		return orderOf[uint32](x)
	case tensor.Uint64:
		return orderOf[uint64](x)
	case tensor.Float16, tensor.BFloat16:
		return orderOf[float32](x.ToFloat32())
	case tensor.String:
		data := tensor.Data[string](x)
		return func(i, j int) int { return cmp.Compare(data[i], data[j]) }
	}
	size := x.DType().Size()
	return func(i, j int) int {
		return bytes.Compare(x.Bytes()[i*size:(i+1)*size], x.Bytes()[j*size:(j+1)*size])
	}
}

func orderOf[T tensor.Real](x *tensor.Tensor) func(i, j int) int {
	data := tensor.Data[T](x)
	return func(i, j int) int { return cmp.Compare(data[i], data[j]) }
}
