package ops

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

func TestBatchNormalizationOldForms(t *testing.T) {
	x := tensor.FromSlice([]float32{1, 3, 5, 7}, 4, 1)
	one, zero := tensor.Vector[float32](1), tensor.Vector[float32](0)
	mean, variance := tensor.Vector[float32](2), tensor.Vector[float32](4)
	attrs := []ir.Attr{{Name: "epsilon", Value: float32(0)}, {Name: "consumed_inputs", Value: []int{0, 0, 0, 1, 1}}, {Name: "is_test", Value: 1}}
	y := evalOld(t, "BatchNormalization", 1, attrs, 1, x, one, zero, mean, variance)
	require.Equal(t, []float32{-.5, .5, 1.5, 2.5}, tensor.Data[float32](y[0]))
	_, _, err := upgrade(t, "BatchNormalization", 1, attrs, 3, x, one, zero, mean, variance)
	require.ErrorContains(t, err, "is_test 1 has one output")

	// Five outputs train: mean 4 and variance 5 are the batch's, the running ones are moved by a quarter.
	attrs = []ir.Attr{{Name: "epsilon", Value: float32(0)}, {Name: "momentum", Value: float32(0.75)}}
	for _, opset := range []int{7, 9} {
		y = evalOld(t, "BatchNormalization", opset, attrs, 5, x, one, zero, mean, variance)
		require.InDeltaSlice(t, []float32{-1.341641, -0.447214, 0.447214, 1.341641}, tensor.Data[float32](y[0]), 1e-6)
		for i, want := range []float32{2.5, 4.25, 4, 5} {
			require.InDelta(t, want, tensor.Data[float32](y[1+i])[0], 1e-6)
		}
	}
}

func TestBatchNormalizationPerElement(t *testing.T) {
	x := tensor.FromSlice([]float32{1, 2, 3, 4, 3, 6, 9, 12}, 2, 1, 2, 2)
	image := func(v ...float32) *tensor.Tensor { return tensor.FromSlice(v, 1, 2, 2) }
	one, zero := image(1, 1, 1, 2), image(0, 0, 1, 0)
	attrs := []ir.Attr{{Name: "epsilon", Value: float32(0)}, {Name: "spatial", Value: 0}, {Name: "momentum", Value: float32(0.5)}}
	y := evalOld(t, "BatchNormalization", 7, attrs, 1, x, one, zero, image(1, 2, 3, 4), image(4, 4, 9, 16))[0]
	require.Equal(t, []int{2, 1, 2, 2}, y.Shape())
	require.InDeltaSlice(t, []float32{0, 0, 1, 0, 1, 2, 3, 4}, tensor.Data[float32](y), 1e-6)
	out := evalOld(t, "BatchNormalization", 7, attrs, 5, x, one, zero, image(0, 0, 0, 0), image(1, 1, 1, 1))
	for i, want := range [][]float32{{-1, -1, 0, -2, 1, 1, 2, 2}, {1, 2, 3, 4}, {1, 2.5, 5, 8.5}, {2, 4, 6, 8}, {1, 4, 9, 16}} {
		require.InDeltaSlice(t, want, tensor.Data[float32](out[i]), 1e-6, i)
	}
	require.Equal(t, []int{1, 2, 2}, out[3].Shape())
	_, _, err := upgrade(t, "BatchNormalization", 9, attrs, 1, x, one, zero, one, one)
	require.ErrorContains(t, err, `attribute "spatial": not an attribute`)
}

func TestBatchNormalizationTypesAndRefusals(t *testing.T) {
	f := func(shape ...int) *tensor.Tensor { return tensor.New(tensor.Float32, shape...) }
	op := ir.New[BatchNormalization]()
	half := tensor.FromFloat32(tensor.FromSlice([]float32{1, 2, 3, 4}, 1, 2, 2), tensor.Float16)
	v := tensor.Vector[float32](1, 1)
	y := eval(t, op, 1, half, v, v, tensor.FromFloat32(v, tensor.Float64), tensor.FromFloat32(v, tensor.Float64))[0]
	require.Equal(t, tensor.Float16, y.DType())
	require.InDeltaSlice(t, []float32{1, 2, 3, 4}, tensor.Data[float32](y.ToFloat32()), 2e-3)
	require.ErrorContains(t, evalErr(t, op, 1, f(1, 2, 2), f(2), f(3), f(2), f(2)), "B has shape [3], expects [2]")
	require.ErrorContains(t, evalErr(t, op, 1, f(), f(1), f(1), f(1), f(1)), "scalar")
	require.ErrorContains(t, evalErr(t, op, 2, f(1, 2), f(2), f(2), f(2), f(2)), "training_mode")
	require.Equal(t, []int{3}, eval(t, op, 1, f(3), f(1), f(1), f(1), f(1))[0].Shape())
	require.Equal(t, []int{2, 0, 2}, eval(t, op, 1, f(2, 0, 2), f(0), f(0), f(0), f(0))[0].Shape())
	train := made(func(a *BatchNormalization) { a.TrainingMode = true })
	require.Equal(t, []int{2}, eval(t, train, 3, f(0, 2, 2), f(2), f(2), f(2), f(2))[1].Shape())
}
