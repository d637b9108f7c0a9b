package ops

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// TopK is the k greatest (or least) elements along an axis, in order, and their indices. Of equal elements the one with
// the lower index comes first, and NaN is last. Unsorted results are sorted, too.
type TopK struct {
	Axis    int  `attr:"axis,default=-1"`
	Largest bool `attr:"largest,default=1"`
	Sorted  bool `attr:"sorted,default=1"`
}

func (*TopK) Def() *ir.Def { return topK }

var topK = &ir.Def{
	Name: "TopK", Family: ir.Reduction, Doc: "the greatest or least elements along an axis", Since: []int{1, 10, 11, 24},
	New:       func() ir.Op { return ir.New[TopK]() },
	Ins:       []ir.Param{{Name: "X", Type: "T"}, {Name: "K", Type: "int64"}},
	Outs:      []ir.Param{{Name: "Values", Type: "T"}, {Name: "Indices", Type: "int64"}},
	Types:     map[string]ir.TypeSet{"T": numericTypes},
	Upgrade:   upgradeTopK,
	Downgrade: downgradeTopK,
	Widened:   []ir.Widening{{Opset: 11, Var: "T", Types: integerTypes}},
	Infer: func(c *ir.InferCtx) error {
		x := c.Shape(0)
		if err := checkOneElement("input K", c.Shape(1)); err != nil || x == nil {
			return err
		}
		axis, err := axisOf(c.Node.Op.(*TopK).Axis, len(x))
		if err != nil {
			return &ir.AttrError{Attr: "axis", Msg: err.Error()}
		}
		out := x.Clone()
		out[axis] = ir.UnknownDim
		if k, known := c.Ints(1); known {
			if err := checkTopK(k, x[axis]); err != nil {
				return err
			}
			out[axis] = ir.Known(k[0])
		}
		c.SetShape(0, out)
		c.SetShape(1, out)
		return nil
	},
	Eval: viaFloat32(evalTopK),
}

// Before opset 10 k was an attribute.
func upgradeTopK(l *ir.Legacy) error {
	if l.Opset >= 10 {
		return nil
	}
	k, ok, err := l.TakeInt("k")
	if err != nil {
		return err
	}
	if !ok {
		return &ir.AttrError{Attr: "k", Msg: "is required"}
	}
	l.SetIn(1, l.Ints(k))
	return nil
}

func checkTopK(k []int, size ir.Dim) error {
	if len(k) != 1 {
		return fmt.Errorf("input K has %d elements, expects one", len(k))
	}
	if k[0] < 0 || size.IsKnown() && k[0] > size.N {
		return fmt.Errorf("input K is %d, the axis has %v places", k[0], size)
	}
	return nil
}

func evalTopK(c *ir.EvalCtx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return topKOf[float32](c)
	case tensor.Float64:
		return topKOf[float64](c)
	case tensor.Int8:
		return topKOf[int8](c)
	case tensor.Int16:
		return topKOf[int16](c)
	case tensor.Int32:
		return topKOf[int32](c)
	case tensor.Int64:
		return topKOf[int64](c)
	case tensor.Uint8:
		return topKOf[uint8](c)
	case tensor.Uint16:
		return topKOf[uint16](c)
	case tensor.Uint32:
		return topKOf[uint32](c)
	default:
		return topKOf[uint64](c)
	}
}

func topKOf[T tensor.Real](c *ir.EvalCtx) error {
	a, x := c.Op.(*TopK), c.In[0]
	axis, err := axisOf(a.Axis, x.Rank())
	if err != nil {
		return err
	}
	ks, _ := c.In[1].AsInts()
	if err := checkTopK(ks, ir.Known(x.Dim(axis))); err != nil {
		return err
	}
	k := ks[0]
	shape := slices.Clone(x.Shape())
	shape[axis] = k
	values, err := c.Output(0, x.DType(), shape...)
	if err != nil {
		return err
	}
	indices, err := c.Output(1, tensor.Int64, shape...)
	if err != nil {
		return err
	}
	src, dst, at := tensor.Data[T](x), tensor.Data[T](values), tensor.Data[int64](indices)
	order, err := ir.Scratch[int](c, x.Dim(axis))
	if err != nil || x.Len() == 0 {
		return err
	}
	eachLine(x.Shape(), axis, func(line, start, stride int) {
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(i, j int) int {
			c.Spend(1)
			v, w := src[start+i*stride], src[start+j*stride]
			if a.Largest || v != v || w != w { // NaN compares as the least
				return cmp.Compare(w, v)
			}
			return cmp.Compare(v, w)
		})
		to := line/stride*k*stride + line%stride
		for i, n := range order[:k] {
			dst[to+i*stride], at[to+i*stride] = src[start+n*stride], int64(n)
		}
	})
	return nil
}

// Before opset 11 it was of the greatest, and before 10 K was an attribute.
func downgradeTopK(l *ir.Legacy) error {
	if l.Opset >= 11 {
		return nil
	}
	a := l.Node.Op.(*TopK)
	if !a.Largest {
		return leastByNeg(l, *a)
	}
	l.Take("sorted")
	if l.Opset < 10 {
		if err := l.IntsAttr("k", 1, 10); err != nil {
			return err
		}
		l.Set("k", l.Take("k").([]int)[0])
	}
	if a.Axis == -1 { // the default, of old
		return nil
	}
	return downgradeAxis(l)
}

// leastByNeg takes the greatest of what is negated.
func leastByNeg(l *ir.Legacy, a TopK) error {
	s := steps{l: l}
	a.Largest = true
	x := s.do(&Neg{}, l.In(0))
	if s.err != nil {
		return s.err
	}
	outs, err := l.EmitN(&a, 2, x, l.In(1))
	if err != nil {
		return err
	}
	return s.end(s.do(&Neg{}, outs[0]), outs[1])
}
