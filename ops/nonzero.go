package ops

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// NonZero is the indices of the elements that are not zero, a column each, in row-major order.
type NonZero struct{}

func (*NonZero) Def() *ir.Def { return nonZero }

var nonZero = &ir.Def{
	Name: "NonZero", Doc: "the indices of the elements that are not zero", Since: []int{9, 13},
	New:   func() ir.Op { return ir.New[NonZero]() },
	Ins:   []ir.Param{{Name: "X", Type: "T"}},
	Outs:  []ir.Param{{Name: "Y", Type: "int64"}},
	Types: map[string]ir.TypeSet{"T": anyType},
	Infer: func(c *ir.InferCtx) error {
		if x := c.Shape(0); x != nil {
			c.SetShape(0, ir.Shape{ir.Known(len(x)), ir.UnknownDim})
		}
		return nil
	},
	Eval: func(c *ir.EvalCtx) error {
		x := c.In[0]
		if err := c.Reserve(x.Len(), 8); err != nil {
			return err
		}
		var at []int
		for i := range x.Len() {
			if !isZero(x, i) {
				at = append(at, i)
			}
		}
		out, err := c.Output(0, tensor.Int64, x.Rank(), len(at))
		if err != nil {
			return err
		}
		dst, strides := tensor.Data[int64](out), tensor.Strides(x.Shape())
		for d, n := range x.Shape() {
			for i, k := range at {
				dst[d*len(at)+i] = int64(k / strides[d] % n)
			}
		}
		return nil
	},
}

// isZero reports whether element i is zero; a negative zero is, and so is an empty string.
func isZero(t *tensor.Tensor, i int) bool {
	switch t.DType() {
	case tensor.String:
		return tensor.Data[string](t)[i] == ""
	case tensor.Float32:
		return tensor.Data[float32](t)[i] == 0
	case tensor.Float64:
		return tensor.Data[float64](t)[i] == 0
	case tensor.Float16:
		return tensor.Data[tensor.F16](t)[i].Float32() == 0
	case tensor.BFloat16:
		return tensor.Data[tensor.BF16](t)[i].Float32() == 0
	case tensor.Complex64:
		return tensor.Data[complex64](t)[i] == 0
	case tensor.Complex128:
		return tensor.Data[complex128](t)[i] == 0
	}
	size := t.DType().Size()
	for _, b := range t.Bytes()[i*size : (i+1)*size] {
		if b != 0 {
			return false
		}
	}
	return true
}
