package ops

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/tensor"
)

func TestCenterCropPad(t *testing.T) {
	x := tensor.FromSlice([]string{"a", "b", "c", "d", "e"}, 1, 5)
	y := eval(t, &CenterCropPad{}, 1, x, tensor.Vector[int32](2, 2))[0]
	require.Equal(t, []string{"b", "c", "", ""}, tensor.Data[string](y))
	require.Equal(t, []int{0, 5}, eval(t, &CenterCropPad{Axes: []int{0}}, 1, x, tensor.Vector[int64](0))[0].Shape())
	require.ErrorContains(t, evalErr(t, &CenterCropPad{}, 1, x, tensor.Vector[int64](2)), "shape has 1 values, expects 2")
	require.ErrorContains(t, evalErr(t, &CenterCropPad{Axes: []int{2}}, 1, x, tensor.Vector[int64](2)), `attribute "axes": axis 2`)
	require.ErrorContains(t, evalErr(t, &CenterCropPad{}, 1, x, tensor.Vector[int64](2, -1)), "negative")
}
