package ops

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/tensor"
)

// The known answers of the paper's own library.
func TestPhilox(t *testing.T) {
	const ones = math.MaxUint32
	require.Equal(t, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}, Philox{}.Block(0))
	require.Equal(t, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}, Philox{math.MaxUint64, ones, ones}.Block(math.MaxUint64))
	require.Equal(t, [4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1},
		Philox{0x299f31d0_a4093822, 0x13198a2e, 0x03707344}.Block(0x85a308d3_243f6a88))
}

func mask(t *testing.T, stream int, ratio float32, seed, step int64) []float32 {
	shape := tensor.FromSlice([]int64{50, 41}, 2)
	out := eval(t, &DropoutMask{Stream: stream}, 1, shape, tensor.Scalar(ratio), tensor.Scalar(seed), tensor.Scalar(step))
	require.Equal(t, []int{50, 41}, out[0].Shape())
	return tensor.Data[float32](out[0])
}

func TestDropoutMask(t *testing.T) {
	first := mask(t, 0, 0.25, 7, 3)
	kept := 0
	for _, v := range first {
		if v != 0 {
			require.Equal(t, float32(1/0.75), v)
			kept++
		}
	}
	require.InDelta(t, 0.75, float64(kept)/float64(len(first)), 0.05)
	require.Equal(t, first, mask(t, 0, 0.25, 7, 3))
	for _, other := range [][]float32{mask(t, 1, 0.25, 7, 3), mask(t, 0, 0.25, 8, 3), mask(t, 0, 0.25, 7, 4)} {
		require.NotEqual(t, first, other)
	}
	require.NotContains(t, mask(t, 0, 0, 7, 3), float32(0))
	require.NotContains(t, mask(t, 0, 1, 7, 3), float32(math.Inf(1)))
	half := eval(t, &DropoutMask{}, 1, tensor.FromSlice([]int64{8}, 1), tensor.FromFloat32(tensor.Scalar(float32(0.5)), tensor.Float16), tensor.Scalar(int64(1)), tensor.Scalar(int64(0)))
	require.Equal(t, tensor.Float16, half[0].DType())
}

func TestDropoutMaskRefuses(t *testing.T) {
	one := tensor.Scalar(int64(1))
	shape := tensor.FromSlice([]int64{3}, 1)
	require.ErrorContains(t, evalErr(t, &DropoutMask{}, 1, shape, tensor.Scalar(float32(1.5)), one, one), "ratio is 1.5")
	require.ErrorContains(t, evalErr(t, &DropoutMask{}, 1, shape, tensor.Vector[float32](0, 0), one, one), "expects a scalar")
	require.ErrorContains(t, evalErr(t, &DropoutMask{}, 1, tensor.FromSlice([]int64{-3}, 1), tensor.Scalar(float32(0.5)), one, one), "negative")
}
