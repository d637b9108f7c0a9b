package ops

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// GatherElements takes, for each place of the indices, the element whose place differs from it in the axis only, where
// it is the index; negative indices count from the end.
type GatherElements struct {
	Axis int `attr:"axis,default=0"`
}

func (*GatherElements) Def() *ir.Def { return gatherElements }

var gatherElements = &ir.Def{
	Name: "GatherElements", Family: ir.Shaping, Doc: "elements by an index along an axis", Since: []int{11, 13},
	New:   func() ir.Op { return ir.New[GatherElements]() },
	Ins:   []ir.Param{{Name: "data", Type: "T"}, {Name: "indices", Type: "Tind"}},
	Outs:  []ir.Param{{Name: "output", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": anyType, "Tind": indexTypes},
	Infer: func(c *ir.InferCtx) error {
		c.SetShape(0, c.Shape(1))
		return checkElementwise(c.Shape(0), c.Shape(1), c.Node.Op.(*GatherElements).Axis)
	},
	Eval: func(c *ir.EvalCtx) error {
		axis := c.Op.(*GatherElements).Axis
		at, err := elementPlaces(c, axis)
		if err != nil {
			return err
		}
		out, err := c.Output(0, c.In[0].DType(), c.In[1].Shape()...)
		if err != nil {
			return err
		}
		moveElements(c, out, c.In[0], nil, at)
		return nil
	},
	Grad: backward(moved),
}

// checkElementwise refuses indices that do not fit to the data: another rank, or more places outside of the axis.
func checkElementwise(x, at ir.Shape, axis int) error {
	if x == nil || at == nil {
		return nil
	}
	a, err := axisOf(axis, len(x))
	if err != nil {
		return &ir.AttrError{Attr: "axis", Msg: err.Error()}
	}
	if len(x) != len(at) {
		return fmt.Errorf("indices %v differ in rank from the data %v", at, x)
	}
	for d := range x {
		if d != a && x[d].IsKnown() && at[d].IsKnown() && at[d].N > x[d].N {
			return fmt.Errorf("indices %v have more places than the data %v in dimension %d", at, x, d)
		}
	}
	return nil
}

// elementPlaces is, for each place of the indices, input 1, in row-major order, the place in input 0 that it stands for.
func elementPlaces(c *ir.EvalCtx, axis int) ([]int, error) {
	x, indices := c.In[0], c.In[1]
	if err := checkElementwise(ir.Dims(x.Shape()...), ir.Dims(indices.Shape()...), axis); err != nil {
		return nil, err
	}
	axis, _ = axisOf(axis, x.Rank())
	strides := tensor.Strides(x.Shape())
	step, size := strides[axis], x.Dim(axis)
	strides[axis] = 0
	s := &scratch{c: c}
	at := s.ints(indices)
	if s.err != nil {
		return nil, s.err
	}
	var err error
	eachOffset(indices.Shape(), [][]int{strides}, func(i int, offs []int) {
		n, e := indexOf(at[i], size)
		if e != nil {
			err = e
		}
		at[i] = offs[0] + n*step
	})
	return at, err
}

// moveElements copies the element at place from[i] of src to place to[i] of dst; nil stands for 0, 1, 2, …
func moveElements(c *ir.EvalCtx, dst, src *tensor.Tensor, to, from []int) {
	switch dst.DType().Size() {
	case 0:
		moveBetween(c, tensor.Data[string](dst), tensor.Data[string](src), to, from)
	case 1:
		moveBetween(c, dst.Bytes(), src.Bytes(), to, from)
	case 2:
		moveBetween(c, elements[[2]byte](dst), elements[[2]byte](src), to, from)
	case 4:
		moveBetween(c, elements[[4]byte](dst), elements[[4]byte](src), to, from)
	case 8:
		moveBetween(c, elements[[8]byte](dst), elements[[8]byte](src), to, from)
	case 16:
		moveBetween(c, elements[[16]byte](dst), elements[[16]byte](src), to, from)
	}
}

func moveBetween[E any](c *ir.EvalCtx, dst, src []E, to, from []int) {
	c.Steps(max(len(to), len(from)), 1, func(start, end int) {
		switch {
		case to == nil:
			for i, f := range from[start:end] {
				dst[start+i] = src[f]
			}
		case from == nil:
			for i, t := range to[start:end] {
				dst[t] = src[start+i]
			}
		default:
			for i, f := range from[start:end] {
				dst[to[start+i]] = src[f]
			}
		}
	})
}
