package ops

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

func TestComparisons(t *testing.T) {
	nan := math.NaN()
	a, b := []float64{1, 2, 3, nan, nan}, []float64{2, 2, 2, 2, nan}
	for _, c := range []struct {
		op   ir.Op
		want []bool
	}{
		{&Equal{}, []bool{false, true, false, false, false}},
		{&Greater{}, []bool{false, false, true, false, false}},
		{&GreaterOrEqual{}, []bool{false, true, true, false, false}},
		{&Less{}, []bool{true, false, false, false, false}},
		{&LessOrEqual{}, []bool{true, true, false, false, false}},
	} {
		for dt := tensor.Float32; dt <= tensor.BFloat16; dt++ {
			n := 5
			switch {
			case integerTypes.Has(dt):
				n = 3 // no NaN
			case !floatTypes.Has(dt):
				continue
			}
			x, err := converted(tensor.Vector(a[:n]...), dt)
			require.NoError(t, err)
			y, err := converted(tensor.Vector(b[:n]...), dt)
			require.NoError(t, err)
			require.Equal(t, c.want[:n], tensor.Data[bool](eval(t, c.op, 1, x, y)[0]), "%T %s", c.op, dt)
		}
	}
	got := eval(t, &Equal{}, 1, tensor.Vector("a", "b"), tensor.FromSlice([]string{"a", "b", ""}, 3, 1))[0]
	require.True(t, got.Equal(tensor.FromSlice([]bool{true, false, false, true, false, false}, 3, 2)))
	require.Equal(t, []bool{false, true}, tensor.Data[bool](eval(t, &Equal{}, 1, tensor.Vector(true, false), tensor.Vector(false))[0]))
	require.Equal(t, []bool{true}, tensor.Data[bool](eval(t, &Greater{}, 1, tensor.Vector[uint64](math.MaxUint64), tensor.Vector[uint64](math.MaxInt64))[0]))
	require.Empty(t, tensor.Data[bool](eval(t, &Less{}, 1, tensor.Vector[int8](), tensor.Vector[int8](1))[0]))
	require.ErrorContains(t, evalErr(t, &Greater{}, 1, tensor.Vector("a"), tensor.Vector("b")), "element type string is not supported")
	require.ErrorContains(t, evalErr(t, &Equal{}, 1, tensor.Vector(1, 2.), tensor.Vector(1, 2, 3.)), "cannot be broadcast")
}

func TestLogical(t *testing.T) {
	a, b := tensor.Vector(false, false, true, true), tensor.Vector(false, true, false, true)
	for _, c := range []struct {
		op   ir.Op
		want []bool
	}{
		{&And{}, []bool{false, false, false, true}},
		{&Or{}, []bool{false, true, true, true}},
		{&Xor{}, []bool{false, true, true, false}},
	} {
		require.Equal(t, c.want, tensor.Data[bool](eval(t, c.op, 1, a, b)[0]), "%T", c.op)
	}
	require.Equal(t, []bool{true, true, false, false}, tensor.Data[bool](eval(t, &Not{}, 1, a)[0]))
	evalErr(t, &And{}, 1, tensor.Vector[int8](1), tensor.Vector[int8](1))
}

// Before opset 7, B was laid along A from an axis on.
func TestOldBroadcast(t *testing.T) {
	a := tensor.FromSlice([]float32{1, 2, 3, 4, 5, 6, 7, 8}, 2, 2, 2)
	along := ir.Attr{Name: "axis", Value: 1}
	for _, c := range []struct {
		name  string
		b     *tensor.Tensor
		attrs []ir.Attr
		want  *tensor.Tensor
	}{
		{"Greater", tensor.Vector[float32](3, 4), []ir.Attr{along}, tensor.FromSlice([]bool{false, false, false, false, true, true, true, true}, 2, 2, 2)},
		{"Less", tensor.Vector[float32](2, 8), []ir.Attr{along}, tensor.FromSlice([]bool{true, false, true, true, false, false, true, false}, 2, 2, 2)},
		{"Less", tensor.Vector[float32](2, 8), nil, tensor.FromSlice([]bool{true, true, false, true, false, true, false, false}, 2, 2, 2)},
		{"Pow", tensor.Vector[float32](3), nil, tensor.FromSlice([]float32{1, 8, 27, 64, 125, 216, 343, 512}, 2, 2, 2)},
	} {
		attrs := append(c.attrs, ir.Attr{Name: "broadcast", Value: 1})
		require.True(t, c.want.Equal(evalOld(t, c.name, 1, attrs, 1, a, c.b)[0]), c.name)
	}
	_, _, err := upgrade(t, "Equal", 1, []ir.Attr{{Name: "broadcast", Value: 1}, {Name: "axis", Value: 5}}, 1, tensor.Vector[int32](1), tensor.Vector[int32](1))
	require.ErrorContains(t, err, `attribute "axis"`)
	_, _, err = upgrade(t, "And", 7, []ir.Attr{{Name: "broadcast", Value: 1}}, 1, tensor.Vector(true), tensor.Vector(true))
	require.ErrorContains(t, err, `attribute "broadcast": not an attribute`)
}

func TestIsNaNIsInf(t *testing.T) {
	inf := float32(math.Inf(1))
	x := tensor.Vector(0, inf, -inf, float32(math.NaN()))
	for _, c := range []struct {
		op   ir.Op
		want []bool
	}{
		{&IsNaN{}, []bool{false, false, false, true}},
		{ir.New[IsInf](), []bool{false, true, true, false}},
		{&IsInf{DetectPositive: true}, []bool{false, true, false, false}},
		{&IsInf{DetectNegative: true}, []bool{false, false, true, false}},
		{&IsInf{}, []bool{false, false, false, false}},
	} {
		for _, dt := range []tensor.DType{tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16, tensor.Float8E5M2} {
			y, err := converted(x, dt)
			require.NoError(t, err)
			require.Equal(t, c.want, tensor.Data[bool](eval(t, c.op, 1, y)[0]), "%v %s", c.op, dt)
		}
	}
	evalErr(t, &IsNaN{}, 1, tensor.Vector[int32](1))
}
