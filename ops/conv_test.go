package ops

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// made is an operator with its defaults and what set changes.
func made[T any](set func(*T)) *T {
	op := ir.New[T]()
	set(op)
	return op
}

func TestConvHalf(t *testing.T) {
	x := tensor.FromSlice([]float32{-4, 3, -2, 1, 0, 5, 2, -3, 4, 7, -6, 8, -1, 9, -7, 6, -5, -8}, 1, 2, 3, 3)
	w := tensor.FromSlice([]float32{1, -2, 3, 4, -1, 2, -3, 5}, 1, 2, 2, 2)
	b := tensor.FromSlice([]float32{-2}, 1)
	// The first is -4·1 - 3·2 + 1·3 + 0·4 of one channel, -7·1 - 6·2 + 1·3 + 9·5 of the other, and the bias.
	want := []float32{20, -15, -31, -53}
	for _, dt := range []tensor.DType{tensor.Float16, tensor.BFloat16, tensor.Float64} {
		y := eval(t, ir.New[Conv](), 1, tensor.FromFloat32(x, dt), tensor.FromFloat32(w, dt), tensor.FromFloat32(b, dt))[0]
		require.Equal(t, dt, y.DType())
		require.Equal(t, want, tensor.Data[float32](y.ToFloat32()))
	}
}

func TestConvRefuses(t *testing.T) {
	f := func(shape ...int) *tensor.Tensor { return tensor.New(tensor.Float32, shape...) }
	for _, c := range []struct {
		op  *Conv
		in  []*tensor.Tensor
		err string
	}{
		{ir.New[Conv](), []*tensor.Tensor{f(1, 3, 4, 4), f(2, 2, 3, 3)}, "input has 3 channels, filters of shape [2,2,3,3] in 1 groups expect 2"},
		{ir.New[Conv](), []*tensor.Tensor{f(1, 3, 4, 4), f(2, 3, 3)}, "same number of dimensions"},
		{ir.New[Conv](), []*tensor.Tensor{f(1, 3), f(2, 3)}, "at least 3"},
		{ir.New[Conv](), []*tensor.Tensor{f(1, 3, 4), f(2, 3, 3), f(3)}, "bias has shape [3], expects [2]"},
		{ir.New[Conv](), []*tensor.Tensor{f(1, 3, 4), f(2, 3, 5)}, "does not fit"},
		{made(func(a *Conv) { a.Group = 0 }), []*tensor.Tensor{f(1, 3, 4), f(2, 3, 3)}, `attribute "group": unsupported value 0`},
		{made(func(a *Conv) { a.Group = 2 }), []*tensor.Tensor{f(1, 4, 4), f(3, 2, 3)}, `attribute "group": 2 does not divide the 3 filters`},
		{made(func(a *Conv) { a.KernelShape = []int{2} }), []*tensor.Tensor{f(1, 3, 4), f(2, 3, 3)}, `attribute "kernel_shape": [2] contradicts`},
		{made(func(a *Conv) { a.Dilations = []int{2, 2} }), []*tensor.Tensor{f(1, 3, 4), f(2, 3, 3)}, `attribute "dilations": has 2 values`},
	} {
		require.ErrorContains(t, evalErr(t, c.op, 1, c.in...), c.err)
	}
}

func TestConvEmptyBatch(t *testing.T) {
	y := eval(t, ir.New[Conv](), 1, tensor.New(tensor.Float32, 0, 1, 4, 4), tensor.New(tensor.Float32, 2, 1, 3, 3))[0]
	require.Equal(t, []int{0, 2, 2, 2}, y.Shape())
}

func TestConvMACs(t *testing.T) {
	n, err := node(made(func(a *Conv) { a.Group = 2 }), 1, "shapes", []*tensor.Tensor{tensor.New(tensor.Float32, 3, 4, 5, 5), tensor.New(tensor.Float32, 6, 2, 3, 3)})
	require.NoError(t, err)
	require.EqualValues(t, 3*6*3*3*2*3*3, conv.MACs(n))
	n, err = node(made(func(a *ConvTranspose) { a.Group = 2 }), 1, "shapes", []*tensor.Tensor{tensor.New(tensor.Float32, 3, 4, 5, 5), tensor.New(tensor.Float32, 4, 6, 3, 3)})
	require.NoError(t, err)
	require.EqualValues(t, 3*4*5*5*6*3*3, convTranspose.MACs(n))
	n, err = node(ir.New[Conv](), 1, "symbols", []*tensor.Tensor{tensor.New(tensor.Float32, 3, 4, 5, 5), tensor.New(tensor.Float32, 6, 4, 3, 3)})
	require.NoError(t, err)
	require.Zero(t, conv.MACs(n))
}

func TestConvTransposeRefuses(t *testing.T) {
	f := func(shape ...int) *tensor.Tensor { return tensor.New(tensor.Float32, shape...) }
	for _, c := range []struct {
		op  *ConvTranspose
		in  []*tensor.Tensor
		err string
	}{
		{ir.New[ConvTranspose](), []*tensor.Tensor{f(1, 3, 4), f(2, 2, 3)}, "input has 3 channels"},
		{ir.New[ConvTranspose](), []*tensor.Tensor{f(1, 3, 4), f(3, 2, 3), f(3)}, "bias has shape [3], expects [2]"},
		{ir.New[ConvTranspose](), []*tensor.Tensor{f(1, 3, 0), f(3, 2, 3)}, "is empty"},
		{made(func(a *ConvTranspose) { a.Pads = []int{4, 4} }), []*tensor.Tensor{f(1, 3, 4), f(3, 2, 3)}, "leave nothing"},
		{made(func(a *ConvTranspose) { a.OutputShape = []int{0} }), []*tensor.Tensor{f(1, 3, 4), f(3, 2, 3)}, `attribute "output_shape"`},
		{made(func(a *ConvTranspose) { a.OutputPadding = []int{-1} }), []*tensor.Tensor{f(1, 3, 4), f(3, 2, 3)}, `attribute "output_padding"`},
		{made(func(a *ConvTranspose) { a.Group = 2 }), []*tensor.Tensor{f(1, 3, 4), f(3, 2, 3)}, `attribute "group"`},
	} {
		require.ErrorContains(t, evalErr(t, c.op, 1, c.in...), c.err)
	}
}

// Where the kernel is narrower than the stride, SAME still gives stride times the input (ONNX, ConvTranspose): what no
// filter reaches is the bias.
func TestConvTransposeSameBeyondReach(t *testing.T) {
	op := made(func(a *ConvTranspose) { a.AutoPad, a.Strides = "SAME_UPPER", []int{3} })
	y := eval(t, op, 1, tensor.FromSlice([]float32{1, 2}, 1, 1, 2), tensor.FromSlice([]float32{10}, 1, 1, 1), tensor.Vector[float32](1))[0]
	require.Equal(t, []float32{11, 1, 1, 21, 1, 1}, tensor.Data[float32](y))
}
