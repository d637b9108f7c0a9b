package ops

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// MaxUnpool undoes MaxPool in part: each element of X goes to where its index in I says, and the rest is 0. Indices
// count through the whole unpooled tensor, of the size that the window gives. Where output_shape is larger, the
// unpooled tensor stands at its beginning, as in ONNX's own test cases.
type MaxUnpool struct {
	KernelShape []int `attr:"kernel_shape,required"`
	Pads        []int `attr:"pads"`
	Strides     []int `attr:"strides"`
}

func (*MaxUnpool) Def() *ir.Def { return maxUnpool }

var maxUnpool = &ir.Def{
	Name: "MaxUnpool", Family: ir.Pooling, Doc: "scatters to where MaxPool took the maxima from", Since: []int{9, 11, 22},
	New:   func() ir.Op { return ir.New[MaxUnpool]() },
	Ins:   []ir.Param{{Name: "X", Type: "T1"}, {Name: "I", Type: "int64"}, {Name: "output_shape", Type: "int64", Kind: ir.Optional}},
	Outs:  []ir.Param{{Name: "output", Type: "T1"}},
	Types: map[string]ir.TypeSet{"T1": floatTypes},
	Infer: inferMaxUnpool,
	Eval:  floatEval(maxUnpoolOf[float32], maxUnpoolOf[float64]),
}

func inferMaxUnpool(c *ir.InferCtx) error {
	shape, err := c.Node.Op.(*MaxUnpool).shape(c.Shape(0), c.Shape(1))
	if err != nil {
		return err
	}
	if c.Has(2) {
		dims := c.Dims(2)
		if dims != nil && shape != nil && len(dims) != len(shape) {
			return fmt.Errorf("output_shape %v does not have the %d dimensions of the input", ir.Shape(dims), len(shape))
		}
		shape = dims
		if dims == nil && c.Shape(0) != nil {
			shape = ir.UnknownShape(len(c.Shape(0)))
		}
	}
	c.SetShape(0, shape)
	return nil
}

// shape is the shape of what was pooled, as the window gives it.
func (a *MaxUnpool) shape(x, indices ir.Shape) (ir.Shape, error) {
	rank := len(a.KernelShape)
	if err := (sliding{autoPad: "NOTSET", pads: a.Pads, strides: a.Strides}).check(rank, ir.Dims(a.KernelShape...)); err != nil {
		return nil, err
	}
	if x == nil {
		return nil, nil
	}
	if len(x) != rank+2 {
		return nil, fmt.Errorf("input of shape %v does not fit to kernel_shape %v", x, a.KernelShape)
	}
	if indices != nil && (len(indices) != len(x) || slices.ContainsFunc(indexRange(x), func(i int) bool { return differ(x[i], indices[i]) })) {
		return nil, fmt.Errorf("indices of shape %v do not fit to the input %v", indices, x)
	}
	strides, out := orOnes(a.Strides, rank), x.Clone()
	for d := range rank {
		add := a.KernelShape[d] - strides[d]
		if a.Pads != nil {
			add -= a.Pads[d] + a.Pads[rank+d]
		}
		out[2+d] = x[2+d].Mul(ir.Known(strides[d])).Add(ir.Known(add))
		if out[2+d].N < 0 {
			return nil, fmt.Errorf("spatial dimension %d of the output would be %d", d, out[2+d].N)
		}
	}
	return out, nil
}

func indexRange[T any](s []T) []int {
	out := make([]int, len(s))
	for i := range out {
		out[i] = i
	}
	return out
}

func maxUnpoolOf[T tensor.Float](c *ir.EvalCtx) error {
	inferred, err := c.Op.(*MaxUnpool).shape(shapeOf(c, 0), shapeOf(c, 1))
	if err != nil {
		return err
	}
	small, ok := inferred.Ints()
	if !ok {
		return fmt.Errorf("input of shape %v is too large", c.In[0].Shape())
	}
	shape := small
	if c.Has(2) {
		shape, _ = c.In[2].AsInts()
		if len(shape) != len(small) || slices.ContainsFunc(indexRange(small), func(i int) bool { return shape[i] < small[i] }) {
			return fmt.Errorf("output_shape %v is smaller than the unpooled %v", shape, small)
		}
	}
	out, err := c.Output(0, c.In[0].DType(), shape...)
	if err != nil {
		return err
	}
	x, y := tensor.Data[T](c.In[0]), tensor.Data[T](out)
	count, strides := product(small), tensor.Strides(shape)
	for i, at := range tensor.Data[int64](c.In[1]) {
		if at < 0 || at >= int64(count) {
			return fmt.Errorf("index %d is outside of the %d elements of %v", at, count, small)
		}
		offset, rest := 0, int(at)
		for d := len(small) - 1; d >= 0; d-- {
			offset += rest % small[d] * strides[d]
			rest /= small[d]
		}
		y[offset] = x[i]
	}
	return nil
}
