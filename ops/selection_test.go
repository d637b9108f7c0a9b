package ops

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/tensor"
)

func TestNonZero(t *testing.T) {
	got := eval(t, &NonZero{}, 1, tensor.FromSlice([]float32{1, 0, float32(math.Copysign(0, -1)), 3}, 2, 2))[0]
	require.True(t, got.Equal(tensor.FromSlice([]int64{0, 1, 0, 1}, 2, 2)))
	require.Equal(t, []int{1, 0}, eval(t, &NonZero{}, 1, tensor.Vector(false, false))[0].Shape())
	require.Equal(t, []int{0, 1}, eval(t, &NonZero{}, 1, tensor.Scalar[int8](3))[0].Shape())
	require.Equal(t, []int{1, 1}, eval(t, &NonZero{}, 1, tensor.Vector("", "a"))[0].Shape())
}

func TestOneHot(t *testing.T) {
	values := tensor.Vector[float32](0, 1)
	got := eval(t, &OneHot{Axis: -1}, 1, tensor.Vector[int64](0, -1, 5), tensor.Scalar[int64](3), values)[0]
	require.True(t, got.Equal(tensor.FromSlice([]float32{1, 0, 0, 0, 0, 1, 0, 0, 0}, 3, 3)))
	got = eval(t, &OneHot{Axis: 0}, 1, tensor.FromSlice([]float32{0, 1, 1, 0}, 2, 2), tensor.Vector[float32](2), tensor.Vector("n", "y"))[0]
	require.True(t, got.Equal(tensor.FromSlice([]string{"y", "n", "n", "y", "n", "y", "y", "n"}, 2, 2, 2)))
	require.ErrorContains(t, evalErr(t, &OneHot{Axis: -1}, 1, tensor.Vector[int64](0), tensor.Scalar[int64](-2), values), "depth is -2")
	require.ErrorContains(t, evalErr(t, &OneHot{Axis: -1}, 1, tensor.Vector[int64](0), tensor.Scalar[int64](1<<60), values), "out of range")
	require.ErrorContains(t, evalErr(t, &OneHot{Axis: 4}, 1, tensor.Vector[int64](0), tensor.Scalar[int64](2), values), "axis")
	require.ErrorContains(t, evalErr(t, &OneHot{Axis: -1}, 1, tensor.Vector[int64](0), tensor.Scalar[int64](2), tensor.Vector[float32](1)), "values has 1 elements")
}

func TestCompress(t *testing.T) {
	x := tensor.FromSlice([]float32{1, 2, 3, 4, 5, 6}, 3, 2)
	axis := func(n int) *int { return &n }
	require.True(t, eval(t, &Compress{Axis: axis(0)}, 1, x, tensor.Vector(false, true, true))[0].Equal(tensor.FromSlice([]float32{3, 4, 5, 6}, 2, 2)))
	require.True(t, eval(t, &Compress{Axis: axis(-1)}, 1, x, tensor.Vector(false, true))[0].Equal(tensor.FromSlice([]float32{2, 4, 6}, 3, 1)))
	require.True(t, eval(t, &Compress{}, 1, x, tensor.Vector(false, true, false, false, true))[0].Equal(tensor.Vector[float32](2, 5)))
	require.ErrorContains(t, evalErr(t, &Compress{Axis: axis(2)}, 1, x, tensor.Vector(true)), "axis")
}

func TestReverseSequence(t *testing.T) {
	x := tensor.FromSlice([]int32{0, 1, 2, 3, 4, 5, 6, 7}, 2, 4)
	got := eval(t, &ReverseSequence{BatchAxis: 0, TimeAxis: 1}, 1, x, tensor.Vector[int64](3, 0))[0]
	require.True(t, got.Equal(tensor.FromSlice([]int32{2, 1, 0, 3, 4, 5, 6, 7}, 2, 4)))
	got = eval(t, &ReverseSequence{BatchAxis: 1, TimeAxis: 0}, 1, x, tensor.Vector[int64](2, 1, 2, 1))[0]
	require.True(t, got.Equal(tensor.FromSlice([]int32{4, 1, 6, 3, 0, 5, 2, 7}, 2, 4)))
	require.ErrorContains(t, evalErr(t, &ReverseSequence{BatchAxis: 0, TimeAxis: 1}, 1, x, tensor.Vector[int64](5, 0)), "lengths must be")
	require.ErrorContains(t, evalErr(t, &ReverseSequence{BatchAxis: 1, TimeAxis: 1}, 1, x, tensor.Vector[int64](1, 1)), "batch_axis")
}

func TestUnique(t *testing.T) {
	x := tensor.Vector[float32](2, 1, 1, 3, 4, 3)
	out := eval(t, &Unique{Sorted: true}, 4, x)
	for i, want := range []*tensor.Tensor{tensor.Vector[float32](1, 2, 3, 4), tensor.Vector[int64](1, 0, 3, 4), tensor.Vector[int64](1, 0, 0, 2, 3, 2), tensor.Vector[int64](2, 1, 2, 1)} {
		require.True(t, want.Equal(out[i]), "output %d", i)
	}
	out = eval(t, &Unique{}, 4, x)
	for i, want := range []*tensor.Tensor{tensor.Vector[float32](2, 1, 3, 4), tensor.Vector[int64](0, 1, 3, 4), tensor.Vector[int64](0, 1, 1, 2, 3, 2), tensor.Vector[int64](1, 2, 2, 1)} {
		require.True(t, want.Equal(out[i]), "output %d", i)
	}
	axis := 0
	out = eval(t, &Unique{Axis: &axis, Sorted: true}, 1, tensor.FromSlice([]string{"b", "a", "a", "a", "b", "a"}, 3, 2))
	require.True(t, out[0].Equal(tensor.FromSlice([]string{"a", "a", "b", "a"}, 2, 2)))
	require.Equal(t, []int{0}, eval(t, &Unique{Sorted: true}, 1, tensor.New(tensor.Float64, 0, 3))[0].Shape())
}
