package ops

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/tensor"
)

func TestNonMaxSuppressionRefuses(t *testing.T) {
	f := func(shape ...int) *tensor.Tensor { return tensor.New(tensor.Float32, shape...) }
	op := &NonMaxSuppression{}
	ten := tensor.Vector[int64](10)
	require.ErrorContains(t, evalErr(t, op, 1, f(1, 2, 5), f(1, 1, 2)), "expects N×M×4")
	require.ErrorContains(t, evalErr(t, op, 1, f(1, 2, 4), f(1, 1, 3)), "do not fit")
	require.ErrorContains(t, evalErr(t, op, 1, f(1, 2, 4), f(1, 2)), "expects N×classes×M")
	require.ErrorContains(t, evalErr(t, op, 1, f(1, 2, 4), f(1, 1, 2), ten, tensor.Vector[float32](1.5)), "iou_threshold is 1.5")
	require.ErrorContains(t, evalErr(t, op, 1, f(1, 2, 4), f(1, 1, 2), ten, tensor.Vector[float32](.5, .5)), "expects one element")
	require.Equal(t, []int{0, 3}, eval(t, op, 1, f(1, 0, 4), f(1, 1, 0), ten)[0].Shape())
	// Boxes without an area do not overlap anything.
	require.Equal(t, []int{2, 3}, eval(t, op, 1, f(1, 2, 4), f(1, 1, 2), tensor.Scalar[int64](10))[0].Shape())
}
