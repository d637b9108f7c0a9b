package ops

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

func TestResizeMovesEveryType(t *testing.T) {
	sizes := tensor.Vector[int64](1, 4)
	text := eval(t, ir.New[Resize](), 1, tensor.FromSlice([]string{"a", "b"}, 1, 2), nil, nil, sizes)[0]
	require.Equal(t, []string{"a", "a", "b", "b"}, tensor.Data[string](text))
	bools := eval(t, ir.New[Resize](), 1, tensor.FromSlice([]bool{true, false}, 1, 2), nil, nil, sizes)[0]
	require.Equal(t, []bool{true, true, false, false}, tensor.Data[bool](bools))
	big := eval(t, ir.New[Resize](), 1, tensor.FromSlice([]int64{math.MaxInt64, 1}, 1, 2), nil, nil, sizes)[0]
	require.Equal(t, []int64{math.MaxInt64, math.MaxInt64, 1, 1}, tensor.Data[int64](big))
	half := eval(t, made(func(a *Resize) { a.Mode = "linear" }), 1, tensor.FromSlice([]tensor.F16{tensor.ToF16(1), tensor.ToF16(2)}, 1, 2), nil, nil, sizes)[0]
	require.Equal(t, []float32{1, 1.25, 1.75, 2}, tensor.Data[float32](half.ToFloat32()))
	// Cubic interpolation overshoots: integers stop at their limits. At 1.25 the two elements on the right weigh
	// 0.26172 - 0.03516.
	cubic := eval(t, made(func(a *Resize) { a.Mode = "cubic" }), 1, tensor.FromSlice([]uint8{0, 0, 255, 255}, 1, 4), nil, nil, tensor.Vector[int64](1, 8))[0]
	require.Equal(t, []uint8{0, 0, 0, 57, 197, 255, 255, 255}, tensor.Data[uint8](cubic))
}

func TestResizeRefuses(t *testing.T) {
	x := tensor.New(tensor.Float32, 2, 3)
	scales := func(v ...float32) *tensor.Tensor { return tensor.Vector(v...) }
	sizes := func(v ...int64) *tensor.Tensor { return tensor.Vector(v...) }
	for _, c := range []struct {
		op  *Resize
		in  []*tensor.Tensor
		err string
	}{
		{ir.New[Resize](), []*tensor.Tensor{x}, "neither scales nor sizes are given"},
		{ir.New[Resize](), []*tensor.Tensor{x, nil, scales(1, 1), sizes(2, 3)}, "scales has 2 values and sizes 2"},
		{ir.New[Resize](), []*tensor.Tensor{x, nil, scales(1, 0)}, "scale 0 of a dimension of 3"},
		{ir.New[Resize](), []*tensor.Tensor{x, nil, scales(1, float32(math.NaN()))}, "scale NaN"},
		{ir.New[Resize](), []*tensor.Tensor{x, nil, scales(1, float32(math.Inf(1)))}, "scale +Inf"},
		{ir.New[Resize](), []*tensor.Tensor{x, nil, nil, sizes(1, -1)}, "negative"},
		{ir.New[Resize](), []*tensor.Tensor{tensor.New(tensor.Float32, 2, 0), nil, nil, sizes(1, 1)}, "dimension 1 is empty"},
		{made(func(a *Resize) { a.Axes = []int{2} }), []*tensor.Tensor{x, nil, scales(1)}, `attribute "axes": axis 2`},
		{made(func(a *Resize) { a.Mode = "linear" }), []*tensor.Tensor{tensor.FromSlice([]string{"a"}, 1), nil, scales(2)}, "linear is not defined for string"},
		{made(func(a *Resize) { a.CoordinateTransformationMode = "tf_crop_and_resize" }), []*tensor.Tensor{x, tensor.Vector[float32](0, 1), scales(1, 2)}, "roi has 2 values, expects 4"},
		{ir.New[Resize](), []*tensor.Tensor{x, nil, nil, sizes(1<<40, 1<<40)}, "too large"},
	} {
		require.ErrorContains(t, evalErr(t, c.op, 1, c.in...), c.err)
	}
	_, _, err := upgrade(t, "Resize", 13, []ir.Attr{{Name: "mode", Value: "area"}}, 1, x, nil, scales(1, 1))
	require.ErrorContains(t, err, `attribute "mode": unsupported value area`)
	_, _, err = upgrade(t, "Upsample", 7, nil, 1, x)
	require.ErrorContains(t, err, `attribute "scales": is required`)
}

func TestResizeSymbolic(t *testing.T) {
	infer := func(dim ir.Dim, scale float32) ir.Dim {
		g := ir.NewGraph("test")
		x, err := g.AddInput("x", ir.Type{DType: tensor.Float32, Shape: ir.Shape{dim}})
		require.NoError(t, err)
		_, err = g.Append("n", ir.New[Resize](), []*ir.Value{x, nil}, []string{"y"})
		require.ErrorContains(t, err, "neither scales nor sizes are given")
		three, err := g.AddInput("three", ir.Type{DType: tensor.Float32, Shape: ir.Dims(3)})
		require.NoError(t, err)
		_, err = g.Append("n", ir.New[Resize](), []*ir.Value{x, nil, three}, []string{"y"})
		require.ErrorContains(t, err, "scales has 3 numbers, expects one for each of 1 axes")
		s, err := g.AddConst("s", tensor.Vector(scale))
		require.NoError(t, err)
		n, err := g.Append("n", ir.New[Resize](), []*ir.Value{x, nil, s}, []string{"y"})
		require.NoError(t, err)
		return n.Out(0).Type().Shape[0]
	}
	n := ir.Symbol("n")
	require.Equal(t, n, infer(n, 1))
	require.Equal(t, ir.Dim{N: 3, Sym: "n"}, infer(n, 3))
	require.Equal(t, n, infer(ir.Dim{N: 2, Sym: "n"}, 0.5))
	require.True(t, infer(n, 0.5).IsUnknown())
	require.True(t, infer(n, 1.5).IsUnknown())
	require.Equal(t, ir.Known(7), infer(ir.Known(5), 1.5))
}

func TestUpsampleOpset1(t *testing.T) {
	attrs := []ir.Attr{{Name: "height_scale", Value: float32(1)}, {Name: "width_scale", Value: float32(2)}, {Name: "mode", Value: "bilinear"}}
	y := evalOld(t, "Upsample", 1, attrs, 1, tensor.FromSlice([]float32{1, 3}, 1, 1, 1, 2))[0]
	require.Equal(t, []float32{1, 2, 3, 3}, tensor.Data[float32](y))
}
