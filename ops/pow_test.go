package ops

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/tensor"
)

// converted is a tensor as another element type.
func converted(t *tensor.Tensor, dt tensor.DType) (*tensor.Tensor, error) {
	out := tensor.New(dt, t.Shape()...)
	return out, converter{}.convert(out, t)
}

func TestPow(t *testing.T) {
	for _, c := range []struct{ x, y, want *tensor.Tensor }{
		{tensor.Vector[float32](1, 2, 3), tensor.Vector[float32](4, 5, 6), tensor.Vector[float32](1, 32, 729)},
		{tensor.Vector[float32](1, 2, 3), tensor.Scalar[int64](2), tensor.Vector[float32](1, 4, 9)},
		{tensor.Vector[float32](4, 9), tensor.Scalar(0.5), tensor.Vector[float32](2, 3)},
		{tensor.Vector[float64](0, 2), tensor.Vector[uint8](0, 3), tensor.Vector[float64](1, 8)},
		{tensor.Vector[float64](0), tensor.Vector[int8](-1), tensor.Vector(math.Inf(1))},
		{tensor.Vector[int32](-2, 3, -1, 5), tensor.Vector[float32](3, 2.5, 2, -1), tensor.Vector[int32](-8, 15, 1, 0)},
		{tensor.Vector[int64](3, -3, 1, -1, 2, 10), tensor.Vector[int32](39, 3, -7, -7, -1, 0), tensor.Vector[int64](4052555153018976267, -27, 1, -1, 0, 1)},
		{tensor.Vector[int32](2, 3), tensor.Vector[uint64](32, 2), tensor.Vector[int32](0, 9)},
		{tensor.Vector(tensor.ToF16(1.5)), tensor.Vector[int32](2), tensor.Vector(tensor.ToF16(2.25))},
		{tensor.Vector[float32](1.5), tensor.Vector(tensor.ToBF16(2)), tensor.Vector[float32](2.25)},
		{tensor.Vector[int32](3), tensor.Vector(tensor.ToF16(2)), tensor.Vector[int32](9)},
		{tensor.Vector[int32](2, 3), tensor.FromSlice([]int32{1, 2}, 2, 1), tensor.FromSlice([]int32{2, 3, 4, 9}, 2, 2)},
	} {
		got := eval(t, &Pow{}, 1, c.x, c.y)[0]
		require.True(t, c.want.Equal(got), "%v^%v: %v", c.x, c.y, tensorValues(got))
	}
	require.ErrorContains(t, evalErr(t, &Pow{}, 1, tensor.Vector[int8](1), tensor.Vector[int8](1)), "element type int8 is not supported")
}

// tensorValues is a tensor's numbers for messages.
func tensorValues(t *tensor.Tensor) any {
	if v, ok := t.AsInts(); ok {
		return v
	}
	v, _ := t.AsFloat32()
	return v
}

func TestMod(t *testing.T) {
	a, b := []int64{-4, 7, 5, 4, -7, 8}, []int64{2, -3, 8, -2, 3, 5}
	for _, dt := range []tensor.DType{tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64} {
		x, _ := converted(tensor.Vector(a...), dt)
		y, _ := converted(tensor.Vector(b...), dt)
		for fmod, want := range map[bool][]int{false: {0, -2, 5, 0, 2, 3}, true: {0, 1, 5, 0, -1, 3}} {
			got, _ := eval(t, &Mod{fmod}, 1, x, y)[0].AsInts()
			require.Equal(t, want, got, "%s %v", dt, fmod)
		}
	}
	require.Equal(t, []uint8{1, 4}, tensor.Data[uint8](eval(t, &Mod{}, 1, tensor.Vector[uint8](5, 200), tensor.Vector[uint8](2, 7))[0]))
	require.Equal(t, []int64{0}, tensor.Data[int64](eval(t, &Mod{}, 1, tensor.Vector[int64](math.MinInt64), tensor.Vector[int64](-1))[0]))
	got := eval(t, &Mod{true}, 1, tensor.Vector[float32](-4.25, 7.5, 5.5), tensor.Vector[float32](2, -3.5, 8))[0]
	require.Equal(t, []float32{-0.25, 0.5, 5.5}, tensor.Data[float32](got))
	half := eval(t, &Mod{true}, 1, tensor.Vector(tensor.ToF16(-4.25)), tensor.Vector(tensor.ToF16(2)))[0]
	require.True(t, half.Equal(tensor.Vector(tensor.ToF16(-0.25))))
	require.ErrorContains(t, evalErr(t, &Mod{}, 1, tensor.Vector[float32](1), tensor.Vector[float32](1)), `attribute "fmod": must be 1`)
	require.ErrorContains(t, evalErr(t, &Mod{}, 1, tensor.Vector[int16](1, 2), tensor.Vector[int16](256, 0)), "by 0")
}

func TestPRelu(t *testing.T) {
	x := tensor.FromSlice([]float32{-1, 2, -3, 4, -5, 6, -7, 8}, 1, 2, 2, 2)
	for _, c := range []struct {
		slope *tensor.Tensor
		want  []float32
	}{
		{tensor.Scalar[float32](2), []float32{-2, 2, -6, 4, -10, 6, -14, 8}},
		{tensor.FromSlice([]float32{2, 3}, 2, 1, 1), []float32{-2, 2, -6, 4, -15, 6, -21, 8}},
		{tensor.Vector[float32](2, 3), []float32{-2, 2, -6, 4, -10, 6, -14, 8}},
	} {
		require.Equal(t, c.want, tensor.Data[float32](eval(t, &PRelu{}, 1, x, c.slope)[0]))
	}
	old := evalOld(t, "PRelu", 6, nil, 1, x, tensor.Vector[float32](2, 3))[0]
	require.Equal(t, []float32{-2, 2, -6, 4, -15, 6, -21, 8}, tensor.Data[float32](old))
	ints := eval(t, &PRelu{}, 1, tensor.Vector[int32](-5, 5), tensor.Vector[int32](3))[0]
	require.True(t, ints.Equal(tensor.Vector[int32](-15, 5)))
	require.ErrorContains(t, evalErr(t, &PRelu{}, 1, tensor.Vector[float32](1), tensor.Vector[float32](1, 2)), "does not broadcast")
	require.ErrorContains(t, evalErr(t, &PRelu{}, 1, tensor.Vector[float32](1), tensor.FromSlice([]float32{1}, 1, 1)), "does not broadcast")
}

func TestWhere(t *testing.T) {
	cond := tensor.FromSlice([]bool{true, false}, 2, 1)
	for _, c := range []struct{ x, y, want *tensor.Tensor }{
		{tensor.Vector[float32](1, 2), tensor.Vector[float32](3), tensor.FromSlice([]float32{1, 2, 3, 3}, 2, 2)},
		{tensor.Vector("a", "b"), tensor.Scalar("c"), tensor.FromSlice([]string{"a", "b", "c", "c"}, 2, 2)},
		{tensor.Vector[int8](1), tensor.Vector[int8](3, 4), tensor.FromSlice([]int8{1, 1, 3, 4}, 2, 2)},
		{tensor.Vector[complex128](1, 2), tensor.Vector[complex128](3), tensor.FromSlice([]complex128{1, 2, 3, 3}, 2, 2)},
		{tensor.Vector(tensor.F16(1)), tensor.Scalar(tensor.F16(2)), tensor.FromSlice([]tensor.F16{1, 2}, 2, 1)},
	} {
		require.True(t, c.want.Equal(eval(t, &Where{}, 1, cond, c.x, c.y)[0]), c.x.DType().String())
	}
	for _, c := range []*tensor.Tensor{tensor.Vector(true, false), tensor.Vector(false), tensor.Vector[bool](), tensor.Scalar(true)} {
		eval(t, &Where{}, 1, c, tensor.Vector[int64](3), tensor.Scalar[int64](5)) // the inferred elements too
	}
	evalErr(t, &Where{}, 1, cond, tensor.Vector[int8](1), tensor.Vector[int16](1))
	evalErr(t, &Where{}, 1, tensor.Vector(true, false), tensor.Vector[int8](1, 2, 3), tensor.Vector[int8](1))
}
