package ops

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// SumTo is the gradient of broadcasting: it brings X to a shape that broadcasts to that of X, by summing along the
// dimensions that broadcasting would stretch.
type SumTo struct{}

func (*SumTo) Def() *ir.Def { return sumToOp }

var sumToOp = &ir.Def{
	Name: "SumTo", Domain: fusedDomain, Doc: "sum over what broadcasting stretched", Since: []int{1},
	New:   func() ir.Op { return ir.New[SumTo]() },
	Ins:   []ir.Param{{Name: "X", Type: "T"}, {Name: "shape", Type: "int64"}},
	Outs:  []ir.Param{{Name: "sums", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": floatTypes},
	Infer: func(c *ir.InferCtx) error {
		shape, err := statedShape(c, 1)
		if err != nil {
			return err
		}
		c.SetShape(0, shape)
		return checkSumTo(c.Shape(0), shape)
	},
	Eval: floatEval(sumToOf[float32], sumToOf[float64]),
}

func checkSumTo(x, shape ir.Shape) error {
	out, err := broadcast(x, shape)
	if err != nil || out == nil {
		return err
	}
	if len(out) != len(x) || slices.ContainsFunc(indexRange(x), func(i int) bool { return differ(out[i], x[i]) }) {
		return fmt.Errorf("shape %v does not broadcast to %v", shape, x)
	}
	return nil
}

func sumToOf[T tensor.Float](c *ir.EvalCtx) error {
	shape, _ := c.In[1].AsInts()
	if err := checkSizes("shape", ir.Dims(shape...)); err != nil {
		return err
	}
	x := c.In[0]
	if err := checkSumTo(shapeOf(c, 0), ir.Dims(shape...)); err != nil {
		return err
	}
	out, err := c.Output(0, x.DType(), shape...)
	if err != nil {
		return err
	}
	src := tensor.Data[T](x)
	sums, err := ir.Scratch[float64](c, out.Len())
	if err != nil {
		return err
	}
	eachOffset(x.Shape(), [][]int{broadcastStrides(shape, x.Shape())}, func(i int, offs []int) { sums[offs[0]] += float64(src[i]) })
	for i, v := range sums {
		tensor.Data[T](out)[i] = T(v)
	}
	return nil
}

// statedShape is the shape that input i of dimensions says, as far as it is known.
func statedShape(c *ir.InferCtx, i int) (ir.Shape, error) {
	if dims := c.Dims(i); dims != nil {
		return dims, checkSizes("shape", dims)
	}
	if n, ok := length(c, i); ok {
		return ir.UnknownShape(n), nil
	}
	return nil, nil
}

// statedOutput creates output 0 of the type of input 0 and the shape that input i says.
func statedOutput(c *ir.EvalCtx, i int) (*tensor.Tensor, error) {
	shape, _ := c.In[i].AsInts()
	if err := checkSizes("shape", ir.Dims(shape...)); err != nil {
		return nil, err
	}
	return c.Output(0, c.In[0].DType(), shape...)
}

// checkGradient refuses a gradient whose shape is known and not that of what it is the gradient of.
func checkGradient(dy, y ir.Shape) error {
	if dy == nil || y == nil {
		return nil
	}
	if len(dy) != len(y) || slices.ContainsFunc(indexRange(y), func(i int) bool { return differ(dy[i], y[i]) }) {
		return fmt.Errorf("gradient of shape %v, expects %v", dy, y)
	}
	return nil
}
