package ops

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// testdata/quantization.jsonl has the 8-bit integers.
func TestQuantizeShortTypes(t *testing.T) {
	nan := float32(math.NaN())
	x := tensor.Vector[float32](-100, -3, 0.5, 1.5, 5, 1000)
	one := tensor.Scalar[float32](1)
	for _, c := range []struct{ zero, want *tensor.Tensor }{
		{tensor.Scalar[tensor.I4](1), tensor.Vector[tensor.I4](-8, -2, 1, 3, 6, 7)},
		{tensor.Scalar[tensor.U4](8), tensor.Vector[tensor.U4](0, 5, 8, 10, 13, 15)},
		{tensor.Scalar[tensor.I2](0), tensor.Vector[tensor.I2](-2, -2, 0, 1, 1, 1)},
		{tensor.Scalar[int16](-5), tensor.Vector[int16](-105, -8, -5, -3, 0, 995)},
		{tensor.Scalar[uint16](100), tensor.Vector[uint16](0, 97, 100, 102, 105, 1100)},
		{tensor.Scalar[tensor.F4E2M1](0), tensor.Vector(tensor.ToF4E2M1(-6), tensor.ToF4E2M1(-3), tensor.ToF4E2M1(0.5), tensor.ToF4E2M1(1.5), tensor.ToF4E2M1(4), tensor.ToF4E2M1(6))},
		{tensor.Scalar[tensor.F8E4M3FN](0), tensor.Vector(tensor.ToF8E4M3FN(-96, true), tensor.ToF8E4M3FN(-3, true), tensor.ToF8E4M3FN(0.5, true), tensor.ToF8E4M3FN(1.5, true), tensor.ToF8E4M3FN(5, true), tensor.ToF8E4M3FN(448, true))},
	} {
		op := ir.New[QuantizeLinear]()
		got := eval(t, op, 1, x, one, c.zero)[0]
		require.True(t, c.want.Equal(got), "%v: %v", c.zero, got.Bytes())
		back := eval(t, ir.New[DequantizeLinear](), 1, got, one, c.zero)[0]
		require.InDelta(t, -3, tensor.Data[float32](back)[1], 1, c.zero)
	}
	op := ir.New[QuantizeLinear]()
	op.OutputDType, op.Saturate = tensor.Float8E4M3FN, false
	require.Equal(t, tensor.F8E4M3FN(0x7f), tensor.Data[tensor.F8E4M3FN](eval(t, op, 1, x, one)[0])[5])
	require.Equal(t, []uint8{0}, tensor.Data[uint8](eval(t, ir.New[QuantizeLinear](), 1, tensor.Vector(nan), one)[0]))
}

func TestQuantizeHalfTypes(t *testing.T) {
	x := tensor.Vector(tensor.ToF16(2.5), tensor.ToF16(-3))
	got := eval(t, ir.New[QuantizeLinear](), 1, x, tensor.Vector(tensor.ToF16(0.5)), tensor.Vector[int8](1))[0]
	require.Equal(t, []int8{6, -5}, tensor.Data[int8](got))
	back := eval(t, ir.New[DequantizeLinear](), 1, got, tensor.Vector(tensor.ToF16(0.5)), tensor.Vector[int8](1))[0]
	require.True(t, x.Equal(back))
	wide := ir.New[DequantizeLinear]()
	wide.OutputDType = tensor.Float32
	require.Equal(t, []float32{2.5, -3}, tensor.Data[float32](eval(t, wide, 1, got, tensor.Vector(tensor.ToBF16(0.5)), tensor.Vector[int8](1))[0]))
	require.Equal(t, []float32{24, -20}, tensor.Data[float32](eval(t, wide, 1, got, tensor.Scalar[tensor.F8E8M0](129))[0]))

	// 4.5024414 is above the tie of 4 and 5, but not so in bfloat16.
	y, scale := tensor.Vector[float32](4.5024414), tensor.Scalar[float32](1)
	precise := ir.New[QuantizeLinear]()
	require.Equal(t, []uint8{5}, tensor.Data[uint8](eval(t, precise, 1, y, scale)[0]))
	precise = ir.New[QuantizeLinear]()
	precise.Precision = tensor.BFloat16
	require.Equal(t, []uint8{4}, tensor.Data[uint8](eval(t, precise, 1, y, scale)[0]))
}

func TestQuantizeRefuses(t *testing.T) {
	x, vector := tensor.New(tensor.Float32, 2, 3), func(n int) *tensor.Tensor { return tensor.New(tensor.Float32, n) }
	set := func(f func(*QuantizeLinear)) *QuantizeLinear {
		op := ir.New[QuantizeLinear]()
		f(op)
		return op
	}
	for want, c := range map[string]struct {
		op *QuantizeLinear
		in []*tensor.Tensor
	}{
		"neither one number nor one for each of the 3 indices of axis 1": {set(func(*QuantizeLinear) {}), []*tensor.Tensor{x, vector(2)}},
		`attribute "axis": axis 2`:                                       {set(func(a *QuantizeLinear) { a.Axis = 2 }), []*tensor.Tensor{x, vector(3)}},
		`attribute "block_size": unsupported value -1`:                   {set(func(a *QuantizeLinear) { a.BlockSize = -1 }), []*tensor.Tensor{x, vector(3)}},
		"has not as many dimensions":                                     {set(func(a *QuantizeLinear) { a.BlockSize = 2 }), []*tensor.Tensor{x, vector(3)}},
		"with blocks of 2 along axis 1":                                  {set(func(a *QuantizeLinear) { a.BlockSize = 2 }), []*tensor.Tensor{x, tensor.New(tensor.Float32, 2, 3)}},
		"zero point of shape":                                            {set(func(*QuantizeLinear) {}), []*tensor.Tensor{x, vector(3), tensor.New(tensor.Int8, 2)}},
		`attribute "output_dtype": unsupported value float32`:            {set(func(a *QuantizeLinear) { a.OutputDType = tensor.Float32 }), []*tensor.Tensor{x, vector(1)}},
		"differs from the zero point's type":                             {set(func(a *QuantizeLinear) { a.OutputDType = tensor.Int8 }), []*tensor.Tensor{x, vector(1), tensor.New(tensor.Uint8, 1)}},
		`attribute "precision": unsupported value int8`:                  {set(func(a *QuantizeLinear) { a.Precision = tensor.Int8 }), []*tensor.Tensor{x, vector(1)}},
		"zero point of a floating-point type is not 0":                   {set(func(*QuantizeLinear) {}), []*tensor.Tensor{x, vector(1), tensor.Vector[tensor.F8E5M2](1)}},
	} {
		require.ErrorContains(t, evalErr(t, c.op, 1, c.in...), want)
	}
	op := ir.New[DequantizeLinear]()
	op.OutputDType = tensor.Float64
	require.ErrorContains(t, evalErr(t, op, 1, tensor.Vector[int8](1), vector(1)), `attribute "output_dtype": unsupported value float64`)
}

func TestQuantizedProductsRefuse(t *testing.T) {
	bytes := func(shape ...int) *tensor.Tensor { return tensor.New(tensor.Uint8, shape...) }
	one, zero := tensor.Scalar[float32](1), tensor.Scalar[uint8](0)
	conv := ir.New[QLinearConv]()
	x, w := bytes(1, 2, 3, 3), bytes(4, 2, 3, 3)
	for _, c := range []struct {
		op   ir.Op
		want string
		in   []*tensor.Tensor
	}{
		{&MatMulInteger{}, "does not fit to shape [2 3]", []*tensor.Tensor{bytes(2, 3), bytes(3, 4), bytes(3)}},
		{&MatMulInteger{}, "does not fit to shape [3 4]", []*tensor.Tensor{bytes(2, 3), bytes(3, 4), nil, bytes(3)}},
		{&MatMulInteger{}, "inner dimensions", []*tensor.Tensor{bytes(2, 3), bytes(4, 4)}},
		{ir.New[ConvInteger](), "zero point of x has shape [2]", []*tensor.Tensor{x, w, bytes(2)}},
		{ir.New[ConvInteger](), "zero point of w has shape [3]", []*tensor.Tensor{x, w, zero, bytes(3)}},
		{conv, "w_scale has shape [3]", []*tensor.Tensor{x, one, zero, w, tensor.New(tensor.Float32, 3), zero, one, zero}},
		{conv, "bias has shape [5]", []*tensor.Tensor{x, one, zero, w, one, zero, one, zero, tensor.New(tensor.Int32, 5)}},
		{conv, "input 6 has shape [2]", []*tensor.Tensor{x, one, zero, w, one, zero, tensor.New(tensor.Float32, 2), zero}},
		{conv, "input has 3 channels", []*tensor.Tensor{bytes(1, 3, 3, 3), one, zero, w, one, zero, one, zero}},
	} {
		require.ErrorContains(t, evalErr(t, c.op, 1, c.in...), c.want, "%T", c.op)
	}
	float8 := tensor.Vector(tensor.ToF8E4M3FN(2, true), tensor.ToF8E4M3FN(3, true))
	none := tensor.Scalar[tensor.F8E4M3FN](0)
	got := eval(t, &QLinearMatMul{}, 1, float8.Reshaped(1, 2), one, none, float8.Reshaped(2, 1), one, none, tensor.Scalar[float32](2), none)[0]
	require.Equal(t, float32(6.5), tensor.Data[tensor.F8E4M3FN](got)[0].Float32())
}
