package ops

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/tensor"
)

func TestMaxUnpoolOutputShape(t *testing.T) {
	x := tensor.FromSlice([]float32{5, 6, 7, 8}, 1, 1, 2, 2)
	at := tensor.FromSlice([]int64{5, 7, 13, 15}, 1, 1, 2, 2)
	op := &MaxUnpool{KernelShape: []int{2, 2}, Strides: []int{2, 2}}
	y := eval(t, op, 1, x, at, tensor.Vector[int64](1, 1, 5, 5))[0] // ONNX: test_maxunpool_export_with_output_shape
	require.Equal(t, []float32{0, 0, 0, 0, 0, 0, 5, 0, 6, 0, 0, 0, 0, 0, 0, 0, 7, 0, 8, 0, 0, 0, 0, 0, 0}, tensor.Data[float32](y))
	for _, c := range []struct {
		in  []*tensor.Tensor
		err string
	}{
		{[]*tensor.Tensor{x, at, tensor.Vector[int64](1, 1, 3, 5)}, "output_shape [1 1 3 5] is smaller than the unpooled [1 1 4 4]"},
		{[]*tensor.Tensor{x, at, tensor.Vector[int64](4, 4)}, "does not have the 4 dimensions"},
		{[]*tensor.Tensor{x, tensor.FromSlice([]int64{5, 7, 13, 16}, 1, 1, 2, 2)}, "index 16 is outside of the 16 elements"},
		{[]*tensor.Tensor{x, tensor.FromSlice([]int64{5, 7, 13, -1}, 1, 1, 2, 2)}, "index -1"},
		{[]*tensor.Tensor{x, tensor.FromSlice([]int64{5, 7, 13}, 1, 1, 1, 3)}, "do not fit to the input"},
		{[]*tensor.Tensor{tensor.Vector[float32](1), tensor.Vector[int64](0)}, "does not fit to kernel_shape"},
	} {
		require.ErrorContains(t, evalErr(t, op, 1, c.in...), c.err)
	}
}
