package ops

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

func TestClassLossEdges(t *testing.T) {
	f := func(shape ...int) *tensor.Tensor { return tensor.New(tensor.Float32, shape...) }
	nll := ir.New[NegativeLogLikelihoodLoss]()
	require.ErrorContains(t, evalErr(t, nll, 1, f(2, 3), tensor.Vector[int64](0, 3)), "class 3 is outside of the 3 classes")
	require.ErrorContains(t, evalErr(t, nll, 1, f(2, 3), tensor.Vector[int64](0, -1)), "class -1")
	require.ErrorContains(t, evalErr(t, nll, 1, f(2, 3), tensor.Vector[int64](0)), "expects [2]")
	require.ErrorContains(t, evalErr(t, nll, 1, f(2, 3), tensor.Vector[int64](0, 0), f(2)), "weights has shape [2], expects [3]")
	require.ErrorContains(t, evalErr(t, nll, 1, f(2), tensor.Vector[int64](0, 0)), "no channels")

	ignore := -1
	all := made(func(a *SoftmaxCrossEntropyLoss) { a.IgnoreIndex = &ignore })
	mean := eval(t, all, 1, f(2, 3), tensor.Vector[int64](-1, -1))[0]
	require.True(t, math.IsNaN(float64(tensor.Data[float32](mean)[0]))) // the mean of nothing
	require.Empty(t, mean.Shape())

	// Softmax of large scores does not overflow; the type of the loss is that of the scores.
	big := tensor.FromFloat32(tensor.FromSlice([]float32{1000, 1000}, 1, 2), tensor.Float16)
	out := eval(t, ir.New[SoftmaxCrossEntropyLoss](), 2, big, tensor.Vector[int32](1))
	require.InDelta(t, math.Ln2, tensor.Data[float32](out[0].ToFloat32())[0], 1e-3)
	require.Equal(t, tensor.Float16, out[1].DType())
	none := made(func(a *SoftmaxCrossEntropyLoss) { a.Reduction = "none" })
	require.Equal(t, []int{0, 2}, eval(t, none, 2, f(0, 3, 2), tensor.New(tensor.Int64, 0, 2))[0].Shape())
}
