package ops

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// No region, however wild, reads outside or takes long.
func TestRoiAlignWildRegions(t *testing.T) {
	x := tensor.FromSlice([]float32{1, 2, 3, 4}, 1, 1, 2, 2)
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	rois := []float32{
		0, 0, 1e30, 1e30, -1e30, -1e30, 1e30, 1e30, 1e30, 1e30, -1e30, -1e30,
		-inf, -inf, inf, inf, nan, nan, nan, nan, 0, 0, inf, nan, -1e9, 0, 1e9, 1,
	}
	n := len(rois) / 4
	for _, transform := range []string{"half_pixel", "output_half_pixel"} {
		for _, ratio := range []int{0, 1, 7} {
			for _, mode := range []string{"avg", "max"} {
				op := made(func(a *RoiAlign) { a.CoordinateTransformationMode, a.SamplingRatio, a.Mode = transform, ratio, mode })
				y := eval(t, op, 1, x, tensor.FromSlice(rois, n, 4), tensor.FromSlice(make([]int64, n), n))[0]
				require.Equal(t, []int{n, 1, 1, 1}, y.Shape())
			}
		}
	}
	empty := eval(t, ir.New[RoiAlign](), 1, tensor.New(tensor.Float32, 1, 1, 0, 2), tensor.FromSlice([]float32{0, 0, 1, 1}, 1, 4), tensor.Vector[int64](0))[0]
	require.Equal(t, []float32{0}, tensor.Data[float32](empty))
}

func TestRoiAlignRefuses(t *testing.T) {
	f := func(shape ...int) *tensor.Tensor { return tensor.New(tensor.Float32, shape...) }
	x, rois := f(1, 1, 2, 2), f(1, 4)
	require.ErrorContains(t, evalErr(t, ir.New[RoiAlign](), 1, x, rois, tensor.Vector[int64](1)), "batch_indices has 1, of 1 images")
	require.ErrorContains(t, evalErr(t, ir.New[RoiAlign](), 1, x, rois, tensor.Vector[int64](0, 0)), "batch_indices has shape [2], expects [1]")
	require.ErrorContains(t, evalErr(t, ir.New[RoiAlign](), 1, x, f(1, 5), tensor.Vector[int64](0)), "expects N×C×H×W and R×4")
	require.ErrorContains(t, evalErr(t, made(func(a *RoiAlign) { a.OutputHeight = 0 }), 1, x, rois, tensor.Vector[int64](0)), "output_height 0")
	require.ErrorContains(t, evalErr(t, made(func(a *RoiAlign) { a.SamplingRatio = -1 }), 1, x, rois, tensor.Vector[int64](0)), `attribute "sampling_ratio"`)
}
