package ops

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Products of quantized tensors are computed on float64, which holds the products and sums of 8-bit integers exactly.

// rowFactors is the shape in which a zero point or scale of matrices' rows broadcasts to them: a vector has an element
// for each row.
func rowFactors(shape []int) []int {
	if len(shape) == 1 && shape[0] != 1 {
		return []int{shape[0], 1}
	}
	return shape
}

// filterFactors is the shape in which a zero point or scale of filters, one or one for each, broadcasts to tensors of a
// number of dimensions that have the filters along an axis.
func filterFactors(shape []int, axis, rank int) []int {
	out := make([]int, rank)
	for i := range out {
		out[i] = 1
	}
	out[axis] = product(shape)
	return out
}

// centred is x less its zero point, which broadcasts to it in a shape; nil is 0.
func centred(c *ir.EvalCtx, x, zero *tensor.Tensor, shape []int) (*tensor.Tensor, error) {
	wide, err := numbers(c, x)
	if err != nil {
		return nil, err
	}
	out := tensor.FromSlice(wide, x.Shape()...)
	if zero == nil {
		return out, nil
	}
	z, err := numbers(c, zero)
	if err != nil {
		return nil, err
	}
	return out, applyFactors(c, out, tensor.FromSlice(z, shape...), func(a, b float64) float64 { return a - b })
}

// applyFactors sets x to f of it and of factors that broadcast to it.
func applyFactors(c *ir.EvalCtx, x, factors *tensor.Tensor, f func(a, b float64) float64) error {
	if factors.Len() == 1 {
		factors = factors.Reshaped()
	}
	shape, err := broadcastInts(x.Shape(), factors.Shape())
	if err != nil || product(shape) != x.Len() || len(shape) != x.Rank() {
		return fmt.Errorf("scale or zero point of shape %v does not fit to shape %v", factors.Shape(), x.Shape())
	}
	arithmetic{float: f}.apply(c, x, x, factors)
	return nil
}

// scaleBy multiplies x, or divides it, by scales that broadcast to it in a shape.
func scaleBy(c *ir.EvalCtx, x, scale *tensor.Tensor, shape []int, f func(a, b float64) float64) error {
	s, err := numbers(c, scale)
	if err != nil {
		return err
	}
	return applyFactors(c, x, tensor.FromSlice(s, shape...), f)
}

func times(a, b float64) float64 { return a * b }
func over(a, b float64) float64  { return a / b }

// quantizeProduct sets out to round(x) plus a zero point, nil for 0, that broadcasts to it in a shape.
func quantizeProduct(c *ir.EvalCtx, out, x, zero *tensor.Tensor, shape []int) error {
	wide, err := ir.Scratch[float64](c, x.Len())
	if err != nil {
		return err
	}
	zeros := tensor.FromSlice(wide, x.Shape()...)
	if zero != nil {
		z, err := numbers(c, zero)
		if err != nil {
			return err
		}
		if err := applyFactors(c, zeros, tensor.FromSlice(z, shape...), func(a, b float64) float64 { return b }); err != nil {
			return err
		}
	}
	v, z := tensor.Data[float64](x), tensor.Data[float64](zeros)
	return newQuantizer(out, true).fill(c, func(set func(i int, v, zero float64)) {
		for i := range v {
			set(i, v[i], z[i])
		}
	})
}

// wideMatMul is the matrix product of tensors of float64.
func wideMatMul(c *ir.EvalCtx, a, b *tensor.Tensor) (*tensor.Tensor, error) {
	wide := c.Part(&MatMul{}, a, b)
	if err := matMulOf[float64, float64](wide); err != nil {
		return nil, err
	}
	return wide.Out[0], nil
}

// wideConv is the convolution, without a bias, of tensors of float64.
func wideConv(c *ir.EvalCtx, a *Conv, x, w *tensor.Tensor) (*tensor.Tensor, error) {
	wide := c.Part(a, x, w)
	if err := convOf[float64](wide); err != nil {
		return nil, err
	}
	return wide.Out[0], nil
}

// outputInt32 creates output 0 from sums of integers, which wrap.
func outputInt32(c *ir.EvalCtx, sums *tensor.Tensor) error {
	out, err := c.Output(0, tensor.Int32, sums.Shape()...)
	if err != nil {
		return err
	}
	dst := tensor.Data[int32](out)
	for i, v := range tensor.Data[float64](sums) {
		dst[i] = int32(int64(v))
	}
	return nil
}

// checkFilterFactors refuses a zero point or scale that is neither one number nor one for each of the filters.
func checkFilterFactors(name string, s ir.Shape, filters ir.Dim) error {
	if s == nil || oneElement(s) || len(s) == 1 && !differ(s[0], filters) {
		return nil
	}
	return fmt.Errorf("%s has shape %v, expects one number or one for each of %v filters", name, s, filters)
}

// checkOneElement refuses a shape that is known and not of one element.
func checkOneElement(name string, s ir.Shape) error {
	if s != nil && differ(s.Count(), ir.Known(1)) {
		return fmt.Errorf("%s has shape %v, expects one number", name, s)
	}
	return nil
}
