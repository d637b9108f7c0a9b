package ops

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// ArgExtreme is the attributes of ArgMax and ArgMin. Of equal elements the first counts, or the last.
type ArgExtreme struct {
	Axis            int  `attr:"axis,default=0"`
	KeepDims        bool `attr:"keepdims,default=1"`
	SelectLastIndex bool `attr:"select_last_index,since=12"`
}

func argExtreme(name, doc string, newOp func() ir.Op, params func(ir.Op) ArgExtreme, greatest bool) *ir.Def {
	return &ir.Def{
		Name: name, Family: ir.Reduction, Doc: doc, Since: []int{1, 11, 12, 13}, New: newOp,
		Ins:   []ir.Param{{Name: "data", Type: "T"}},
		Outs:  []ir.Param{{Name: "reduced", Type: "int64"}},
		Types: map[string]ir.TypeSet{"T": numericTypes}, Downgrade: downgradeAxis,
		Infer: func(c *ir.InferCtx) error {
			out, err := params(c.Node.Op).shape(c.Shape(0))
			c.SetShape(0, out)
			return err
		},
		Eval: viaFloat32(func(c *ir.EvalCtx) error { return evalArgExtreme(c, params(c.Op), greatest) }),
	}
}

func (a ArgExtreme) shape(x ir.Shape) (ir.Shape, error) {
	if x == nil {
		return nil, nil
	}
	axis, err := axisOf(a.Axis, len(x))
	if err != nil {
		return nil, &ir.AttrError{Attr: "axis", Msg: err.Error()}
	}
	if x[axis] == ir.Known(0) {
		return nil, fmt.Errorf("axis %d of %v is empty", axis, x)
	}
	out := x.Clone()
	if a.KeepDims {
		out[axis] = ir.Known(1)
		return out, nil
	}
	return append(out[:axis], out[axis+1:]...), nil
}

func evalArgExtreme(c *ir.EvalCtx, a ArgExtreme, greatest bool) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return argExtremeOf[float32](c, a, greatest)
	case tensor.Float64:
		return argExtremeOf[float64](c, a, greatest)
	case tensor.Int8:
		return argExtremeOf[int8](c, a, greatest)
	case tensor.Int16:
		return argExtremeOf[int16](c, a, greatest)
	case tensor.Int32:
		return argExtremeOf[int32](c, a, greatest)
	case tensor.Int64:
		return argExtremeOf[int64](c, a, greatest)
	case tensor.Uint8:
		return argExtremeOf[uint8](c, a, greatest)
	case tensor.Uint16:
		return argExtremeOf[uint16](c, a, greatest)
	case tensor.Uint32:
		return argExtremeOf[uint32](c, a, greatest)
	default:
		return argExtremeOf[uint64](c, a, greatest)
	}
}

func argExtremeOf[T tensor.Real](c *ir.EvalCtx, a ArgExtreme, greatest bool) error {
	x := c.In[0]
	shape, err := a.shape(shapeOf(c, 0))
	if err != nil {
		return err
	}
	out, err := outputShaped(c, 0, tensor.Int64, shape)
	if err != nil {
		return err
	}
	axis, _ := axisOf(a.Axis, x.Rank())
	src, dst := tensor.Data[T](x), tensor.Data[int64](out)
	eachLine(x.Shape(), axis, func(i, start, stride int) {
		c.Spend(x.Dim(axis))
		best := 0
		for k := 1; k < x.Dim(axis); k++ {
			v, b := src[start+k*stride], src[start+best*stride]
			if v == b && a.SelectLastIndex || greatest && v > b || !greatest && v < b || v != v && b == b {
				best = k
			}
		}
		dst[i] = int64(best)
	})
	return nil
}

// eachLine calls f once for every line of elements along axis: its number in row-major order of the other dimensions, its
// first element, and the distance from one to the next.
func eachLine(shape []int, axis int, f func(i, start, stride int)) {
	if slices.Contains(shape, 0) {
		return
	}
	outer, inner := 1, 1
	for _, n := range shape[:axis] {
		outer *= n
	}
	for _, n := range shape[axis+1:] {
		inner *= n
	}
	for o := range outer {
		for k := range inner {
			f(o*inner+k, o*shape[axis]*inner+k, inner)
		}
	}
}
