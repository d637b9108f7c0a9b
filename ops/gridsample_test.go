package ops

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

func TestGridSampleTypesAndRefusals(t *testing.T) {
	f := func(shape ...int) *tensor.Tensor { return tensor.New(tensor.Float32, shape...) }
	centre := f(1, 1, 1, 2) // the middle of the four
	for _, x := range []*tensor.Tensor{
		tensor.FromSlice([]uint8{1, 2, 3, 5}, 1, 1, 2, 2), tensor.FromSlice([]int64{1, 2, 3, 5}, 1, 1, 2, 2),
	} {
		y, _ := eval(t, ir.New[GridSample](), 1, x, centre)[0].AsInts()
		require.Equal(t, []int{2}, y, x.DType()) // 2.75, truncated
	}
	half := eval(t, ir.New[GridSample](), 1, tensor.FromFloat32(tensor.FromSlice([]float32{1, 2, 3, 5}, 1, 1, 2, 2), tensor.Float16), centre)[0]
	require.Equal(t, []float32{2.75}, tensor.Data[float32](half.ToFloat32()))
	line := eval(t, ir.New[GridSample](), 1, tensor.FromSlice([]float64{1, 2}, 1, 1, 2), tensor.FromSlice([]float64{-.5, 0, 9}, 1, 3, 1))[0]
	require.Equal(t, []float64{1, 1.5, 0}, tensor.Data[float64](line))
	for _, c := range [][2]*tensor.Tensor{{f(1, 1, 2, 2), f(1, 1, 2)}, {f(1, 1, 2, 2), f(1, 1, 1, 3)}, {f(2, 1, 2, 2), f(1, 1, 1, 2)}, {f(1, 1), f(1, 1)}} {
		require.ErrorContains(t, evalErr(t, ir.New[GridSample](), 1, c[0], c[1]), "does not fit")
	}
	require.ErrorContains(t, evalErr(t, ir.New[GridSample](), 1, f(1, 1, 0, 2), centre), "nothing to sample")
}

// No coordinate, however wild, reads outside.
func TestGridSampleWildCoordinates(t *testing.T) {
	wild := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 1e38, -1e38, 3, -3}
	x := tensor.FromSlice([]float32{1, 2, 3}, 1, 1, 3)
	grid := tensor.FromSlice(wild, 1, len(wild), 1)
	for _, mode := range []string{"linear", "nearest", "cubic"} {
		for _, padding := range []string{"zeros", "border", "reflection"} {
			for _, align := range []bool{false, true} {
				op := &GridSample{Mode: mode, PaddingMode: padding, AlignCorners: align}
				require.Len(t, tensor.Data[float32](eval(t, op, 1, x, grid)[0]), len(wild))
			}
		}
	}
	one := tensor.FromSlice([]float32{7}, 1, 1, 1)
	y := eval(t, &GridSample{Mode: "linear", PaddingMode: "reflection", AlignCorners: true}, 1, one, tensor.FromSlice([]float32{-3, 0, 3}, 1, 3, 1))[0]
	require.Equal(t, []float32{7, 7, 7}, tensor.Data[float32](y))
}
