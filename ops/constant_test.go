package ops

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

func TestConstantForms(t *testing.T) {
	for name, c := range map[string]struct {
		value any
		want  *tensor.Tensor
	}{
		"value":         {tensor.Vector[int8](1, 2), tensor.Vector[int8](1, 2)},
		"value_float":   {float32(1.5), tensor.Scalar[float32](1.5)},
		"value_floats":  {[]float32{1, 2}, tensor.Vector[float32](1, 2)},
		"value_int":     {-3, tensor.Scalar[int64](-3)},
		"value_ints":    {[]int{4, 5}, tensor.Vector[int64](4, 5)},
		"value_string":  {"", tensor.Scalar("")},
		"value_strings": {[]string{"a", ""}, tensor.Vector("a", "")},
	} {
		g, out, err := upgrade(t, "Constant", 13, []ir.Attr{{Name: name, Value: c.value}}, 1)
		require.NoError(t, err, name)
		require.Empty(t, g.Nodes(), name)
		require.True(t, c.want.Equal(out[0].Const()), name)
	}
	require.True(t, tensor.Vector(true).Equal(eval(t, &Constant{Value: tensor.Vector(true)}, 1)[0]))
	for want, attrs := range map[string][]ir.Attr{
		"has 0 attributes, expects one":    nil,
		"has 2 attributes, expects one":    {{Name: "value_int", Value: 1}, {Name: "value_float", Value: float32(1)}},
		`attribute "sparse_value": with a`: {{Name: "sparse_value", Value: 1}},
		`attribute "value_int": with a`:    {{Name: "value_int", Value: "1"}},
	} {
		_, _, err := upgrade(t, "Constant", 13, attrs, 1)
		require.ErrorContains(t, err, want)
	}
	require.ErrorContains(t, evalErr(t, &Constant{}, 1), `attribute "value": is required`)
}

func TestConstantOfShape(t *testing.T) {
	for _, c := range []struct {
		value, shape, want *tensor.Tensor
	}{
		{nil, tensor.Vector[int64](2, 1), tensor.New(tensor.Float32, 2, 1)},
		{tensor.Vector[int64](7), tensor.Vector[int64](3), tensor.Vector[int64](7, 7, 7)},
		{tensor.Scalar[int8](-1), tensor.New(tensor.Int64, 0), tensor.Scalar[int8](-1)},
		{tensor.Vector("x"), tensor.Vector[int64](1, 2), tensor.FromSlice([]string{"x", "x"}, 1, 2)},
		{tensor.Vector(true), tensor.Vector[int64](2, 0), tensor.New(tensor.Bool, 2, 0)},
		{tensor.Vector(complex(1, 2)), tensor.Vector[int64](5), tensor.Vector(complex(1, 2), complex(1, 2), complex(1, 2), complex(1, 2), complex(1, 2))},
	} {
		got := eval(t, &ConstantOfShape{Value: c.value}, 1, c.shape)[0]
		require.True(t, c.want.Equal(got) || c.want.Rank() == 0 && got.Rank() == 0 && string(c.want.Bytes()) == string(got.Bytes()), "%v", got)
	}
	require.ErrorContains(t, evalErr(t, &ConstantOfShape{}, 1, tensor.Vector[int64](2, -1)), "negative")
	require.ErrorContains(t, evalErr(t, &ConstantOfShape{}, 1, tensor.Vector[int64](1<<40, 1<<40)), "too large")
	require.ErrorContains(t, evalErr(t, &ConstantOfShape{}, 1, tensor.Scalar[int64](2)), "expects a vector")
	require.ErrorContains(t, evalErr(t, &ConstantOfShape{Value: tensor.Vector[int8](1, 2)}, 1, tensor.Vector[int64](2)), `attribute "value": has 2 elements, expects 1`)
}

func TestShapeAndSize(t *testing.T) {
	x := tensor.New(tensor.String, 2, 3, 4)
	end := func(n int) *int { return &n }
	for _, c := range []struct {
		op   *Shape
		want []int64
	}{
		{&Shape{}, []int64{2, 3, 4}},
		{&Shape{Start: 1}, []int64{3, 4}},
		{&Shape{Start: -1}, []int64{4}},
		{&Shape{End: end(-1)}, []int64{2, 3}},
		{&Shape{Start: 1, End: end(2)}, []int64{3}},
		{&Shape{Start: 2, End: end(1)}, []int64{}},
		{&Shape{Start: -9, End: end(9)}, []int64{2, 3, 4}},
		{&Shape{Start: 9}, []int64{}},
	} {
		require.Equal(t, c.want, tensor.Data[int64](eval(t, c.op, 1, x)[0]), "%+v", c.op)
	}
	require.Empty(t, tensor.Data[int64](eval(t, &Shape{}, 1, tensor.Scalar[int8](1))[0]))
	require.Equal(t, []int64{24}, tensor.Data[int64](eval(t, &Size{}, 1, x)[0]))
	require.Equal(t, []int64{0}, tensor.Data[int64](eval(t, &Size{}, 1, tensor.New(tensor.Bool, 3, 0))[0]))
}

func TestIdentityAndDropout(t *testing.T) {
	x := tensor.Vector[float32](1, -2)
	require.True(t, x.Equal(eval(t, &Identity{}, 1, x)[0]))
	on, off := tensor.Scalar(true), tensor.Scalar(false)
	zero, half := tensor.Scalar[float32](0), tensor.Scalar[float32](0.5)
	all := tensor.Vector(true, true)
	for _, in := range [][]*tensor.Tensor{{x}, {x, half}, {x, half, off}, {x, zero, on}, {x, nil, off}, {x, tensor.Scalar(tensor.ToF16(0)), on}} {
		out := eval(t, &Dropout{}, 2, in...)
		require.True(t, x.Equal(out[0]) && all.Equal(out[1]))
		require.True(t, x.Equal(eval(t, &Dropout{}, 1, in...)[0]))
	}
	for _, in := range [][]*tensor.Tensor{{x, half, on}, {x, nil, on}} {
		require.ErrorIs(t, evalErr(t, &Dropout{}, 1, in...), ir.ErrUnsupported)
	}
	ratio := ir.Attr{Name: "ratio", Value: float32(0.3)}
	for opset, mask := range map[int]*tensor.Tensor{1: tensor.Vector[float32](1, 1), 6: tensor.Vector[float32](1, 1), 7: tensor.Vector[float32](1, 1), 10: all} {
		attrs := []ir.Attr{ratio}
		if opset < 7 {
			attrs = append(attrs, ir.Attr{Name: "is_test", Value: 1})
		}
		if opset < 6 {
			attrs = append(attrs, ir.Attr{Name: "consumed_inputs", Value: []int{0}})
		}
		out := evalOld(t, "Dropout", opset, attrs, 2, x)
		require.True(t, x.Equal(out[0]) && mask.Equal(out[1]), opset)
	}
	_, _, err := upgrade(t, "Dropout", 12, []ir.Attr{ratio}, 1, x)
	require.ErrorContains(t, err, `attribute "ratio": not an attribute`)
}

func TestClip(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	x := tensor.Vector[float32](-5, -1, 0.5, 3, inf, nan)
	low, high := tensor.Scalar[float32](-1), tensor.Scalar[float32](2)
	for _, c := range []struct {
		low, high *tensor.Tensor
		want      []float32
	}{
		{nil, nil, []float32{-5, -1, 0.5, 3, inf}},
		{low, nil, []float32{-1, -1, 0.5, 3, inf}},
		{nil, high, []float32{-5, -1, 0.5, 2, 2}},
		{low, high, []float32{-1, -1, 0.5, 2, 2}},
		{high, low, []float32{-1, -1, -1, -1, -1}},
		{tensor.Vector[float32](0), nil, []float32{0, 0, 0.5, 3, inf}},
	} {
		got := tensor.Data[float32](eval(t, &Clip{}, 1, x, c.low, c.high)[0])
		require.Equal(t, c.want, got[:5])
		require.True(t, got[5] != got[5])
	}
	require.Equal(t, []uint8{3, 5, 7}, tensor.Data[uint8](eval(t, &Clip{}, 1, tensor.Vector[uint8](1, 5, 9), tensor.Scalar[uint8](3), tensor.Scalar[uint8](7))[0]))
	half := tensor.Vector(tensor.ToF16(-4), tensor.ToF16(4))
	attrs := []ir.Attr{{Name: "min", Value: float32(0)}, {Name: "max", Value: float32(math.MaxFloat32)}}
	require.True(t, tensor.Vector(tensor.ToF16(0), tensor.ToF16(4)).Equal(evalOld(t, "Clip", 6, attrs, 1, half)[0]))
	require.Equal(t, float32(1), tensor.Data[float32](evalOld(t, "Clip", 1, []ir.Attr{{Name: "max", Value: float32(1)}, {Name: "consumed_inputs", Value: []int{0}}}, 1, x)[0])[3])
	require.ErrorContains(t, evalErr(t, &Clip{}, 1, x, tensor.Vector[float32](1, 2)), "min has shape [2], expects a scalar")
	_, _, err := upgrade(t, "Clip", 11, attrs, 1, x)
	require.ErrorContains(t, err, `attribute "min": not an attribute`)
}

func TestSoftmaxRefusesAxis(t *testing.T) {
	x := tensor.New(tensor.Float32, 2, 3)
	for _, op := range []ir.Op{&Softmax{Axis: 2}, &LogSoftmax{Axis: -3}, &Hardmax{Axis: 5}} {
		require.ErrorContains(t, evalErr(t, op, 1, x), `attribute "axis": axis`)
	}
	empty := tensor.New(tensor.Float32, 2, 0)
	require.True(t, empty.Equal(eval(t, &Softmax{Axis: 1}, 1, empty)[0]))
	half := eval(t, &Softmax{Axis: -1}, 1, tensor.Vector(tensor.ToF16(3), tensor.ToF16(3)))[0]
	require.True(t, tensor.Vector(tensor.ToF16(0.5), tensor.ToF16(0.5)).Equal(half))
	g, _, err := upgrade(t, "Softmax", 11, nil, 1, tensor.New(tensor.Float32, 2, 3, 1, 1))
	require.NoError(t, err)
	require.Equal(t, &Softmax{Axis: 1}, g.Nodes()[0].Op)
	require.Len(t, g.Nodes(), 1)
}
