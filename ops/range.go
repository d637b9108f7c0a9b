package ops

import (
	"fmt"
	"math"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Range is start, start+delta, … before limit.
type Range struct{}

func (*Range) Def() *ir.Def { return rangeOp }

var rangeOp = &ir.Def{
	Name: "Range", Doc: "numbers at equal distances", Since: []int{11},
	New:   func() ir.Op { return ir.New[Range]() },
	Ins:   []ir.Param{{Name: "start", Type: "T", Learned: ir.Never}, {Name: "limit", Type: "T", Learned: ir.Never}, {Name: "delta", Type: "T", Learned: ir.Never}},
	Outs:  []ir.Param{{Name: "output", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": floatTypes | ir.TypesOf(tensor.Int16, tensor.Int32, tensor.Int64)},
	Infer: inferRange,
	Eval:  viaFloat32(evalRange),
}

func inferRange(c *ir.InferCtx) error {
	c.SetShape(0, ir.UnknownShape(1))
	var v [3]ir.Dim
	for i := range v {
		d := c.Dims(i)
		if len(d) != 1 {
			return nil
		}
		v[i] = d[0]
	}
	if start, ok := ir.Shape(v[:]).Ints(); ok {
		n, err := rangeLen(float64(start[0]), float64(start[1]), float64(start[2]))
		if err != nil {
			return err
		}
		c.SetShape(0, ir.Dims(n))
		if n <= maxRank {
			dims := make([]ir.Dim, n)
			for i := range dims {
				dims[i] = ir.Known(start[0] + i*start[2])
			}
			c.SetDims(0, dims)
		}
		return nil
	}
	if v[0] == ir.Known(0) && v[2] == ir.Known(1) {
		c.SetShape(0, ir.Shape{v[1]})
	}
	return nil
}

func rangeLen(start, limit, delta float64) (int, error) {
	n := math.Ceil((limit - start) / delta)
	if delta == 0 || n != n || n > maxWindowSize {
		return 0, fmt.Errorf("a range from %v to %v by %v has no number of elements that is supported", start, limit, delta)
	}
	return int(max(n, 0)), nil
}

func evalRange(c *ir.EvalCtx) error {
	for i, t := range c.In {
		if t.Len() != 1 {
			return fmt.Errorf("input %d has %d elements, expects one", i, t.Len())
		}
	}
	switch c.In[0].DType() {
	case tensor.Float32:
		return rangeOf[float32](c)
	case tensor.Float64:
		return rangeOf[float64](c)
	case tensor.Int16:
		return rangeOf[int16](c)
	case tensor.Int32:
		return rangeOf[int32](c)
	default:
		return rangeOf[int64](c)
	}
}

func rangeOf[T tensor.Real](c *ir.EvalCtx) error {
	start, limit, delta := tensor.Data[T](c.In[0])[0], tensor.Data[T](c.In[1])[0], tensor.Data[T](c.In[2])[0]
	n, err := rangeLen(float64(start), float64(limit), float64(delta))
	if err != nil {
		return err
	}
	out, err := c.Output(0, c.In[0].DType(), n)
	if err != nil {
		return err
	}
	for i := range tensor.Data[T](out) {
		tensor.Data[T](out)[i] = start + T(i)*delta
	}
	return nil
}
