package ops

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

func TestMaxPoolNaNAndTies(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	op := made(func(a *MaxPool) { a.KernelShape, a.Strides = []int{3}, []int{3} })
	out := eval(t, op, 2, tensor.FromSlice([]float32{1, nan, 9, 2, 2, 1, inf, inf, inf}, 1, 1, 9))
	y := tensor.Data[float32](out[0])
	require.True(t, math.IsNaN(float64(y[0])))
	require.Equal(t, []float32{2, inf}, y[1:])
	require.Equal(t, []int64{1, 3, 6}, tensor.Data[int64](out[1]))
}

func TestPoolingRefuses(t *testing.T) {
	x := tensor.New(tensor.Float32, 1, 2, 4, 4)
	require.ErrorContains(t, evalErr(t, made(func(a *MaxPool) { a.KernelShape = []int{2} }), 1, x), `attribute "kernel_shape": has 1 values, expects 2`)
	require.ErrorContains(t, evalErr(t, made(func(a *AveragePool) { a.KernelShape = []int{5, 5} }), 1, x), "does not fit")
	require.ErrorContains(t, evalErr(t, made(func(a *LpPool) { a.KernelShape, a.P = []int{2, 2}, 0 }), 1, x), `attribute "p": unsupported value 0`)
	require.ErrorContains(t, evalErr(t, ir.New[GlobalMaxPool](), 1, tensor.New(tensor.Float32, 2, 3)), "no spatial dimensions")
	_, _, err := upgrade(t, "MaxPool", 12, nil, 1, x)
	require.ErrorContains(t, err, `attribute "kernel_shape": is required`)
	_, _, err = upgrade(t, "MaxPool", 12, []ir.Attr{{Name: "kernel_shape", Value: []int{2, 2}}, {Name: "storage_order", Value: 2}}, 1, x)
	require.ErrorContains(t, err, `attribute "storage_order": unsupported value 2`)
	_, _, err = upgrade(t, "GlobalLpPool", 1, []ir.Attr{{Name: "p", Value: float32(2.5)}}, 1, x)
	require.ErrorContains(t, err, `attribute "p": unsupported value 2.5`)
}

func TestLpPoolOpset1(t *testing.T) {
	x := tensor.FromSlice([]float32{1, -2, 2, 4}, 1, 1, 4)
	y := evalOld(t, "LpPool", 1, []ir.Attr{{Name: "kernel_shape", Value: []int{2}}, {Name: "p", Value: float32(1)}}, 1, x)[0]
	require.Equal(t, []float32{3, 4, 6}, tensor.Data[float32](y))
}

// A kernel far larger than the input costs no memory of its size.
func TestPoolingHugeKernel(t *testing.T) {
	op := made(func(a *AveragePool) {
		a.KernelShape, a.Pads = []int{1 << 30, 1 << 30}, []int{1<<30 - 1, 1<<30 - 1, 0, 0}
	})
	y := eval(t, op, 1, tensor.FromSlice([]float32{7}, 1, 1, 1, 1))[0]
	require.Equal(t, []float32{7}, tensor.Data[float32](y))
}

func TestPoolingEmpty(t *testing.T) {
	y := eval(t, ir.New[GlobalAveragePool](), 1, tensor.New(tensor.Float32, 1, 2, 0))[0]
	require.Equal(t, []int{1, 2, 1}, y.Shape())
	require.True(t, math.IsNaN(float64(tensor.Data[float32](y)[0])))
	require.Equal(t, []int{0, 2, 1}, eval(t, ir.New[GlobalMaxPool](), 1, tensor.New(tensor.Float32, 0, 2, 3))[0].Shape())
	// two taps, both on pads
	op := made(func(a *AveragePool) { a.KernelShape, a.Dilations, a.Pads = []int{2}, []int{4}, []int{2, 2} })
	require.Equal(t, []float32{0}, tensor.Data[float32](eval(t, op, 1, tensor.FromSlice([]float32{7}, 1, 1, 1))[0]))
}
