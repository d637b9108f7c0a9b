package ops

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

func TestCast(t *testing.T) {
	inf := math.Inf(1)
	floats := tensor.Vector[float32](-2.7, 0, 0.4, 3.9)
	for i, c := range []struct{ in, want *tensor.Tensor }{
		{floats, tensor.Vector[int32](-2, 0, 0, 3)},
		{floats, tensor.Vector[int64](-2, 0, 0, 3)},
		{floats, tensor.Vector(true, false, true, true)},
		{floats, tensor.Vector("-2.7", "0.0", "0.4", "3.9")},
		{tensor.Vector(1e-5, 1e16, 123456.5, math.NaN(), -inf), tensor.Vector("1e-05", "1e+16", "123456.5", "NaN", "-INF")},
		{tensor.Vector("1", " -2.5", "1e3", "+inf", "-INF", "INF"), tensor.Vector[float32](1, -2.5, 1000, float32(inf), float32(-inf), float32(inf))},
		{tensor.Vector("9007199254740993", "-4"), tensor.Vector[int64](9007199254740993, -4)},
		{tensor.Vector("100.5", "7"), tensor.Vector[int32](100, 7)},
		{tensor.Vector("18446744073709551615"), tensor.Vector[uint64](math.MaxUint64)},
		{tensor.Vector[uint64](math.MaxUint64), tensor.Vector("18446744073709551615")},
		{tensor.Vector[int32](300, -1, 128), tensor.Vector[uint8](44, 255, 128)},
		{tensor.Vector[int32](300, -1, 128), tensor.Vector[int8](44, -1, -128)},
		{tensor.Vector[int64](1<<40 + 5), tensor.Vector[int32](5)},
		{tensor.Vector(true, false), tensor.Vector[float64](1, 0)},
		{tensor.Vector[uint8](0, 7), tensor.Vector(false, true)},
		{tensor.Vector(math.NaN(), 1e-310), tensor.Vector(true, true)},
		{tensor.Vector(tensor.ToF16(1.5)), tensor.Vector(tensor.ToBF16(1.5))},
		{tensor.Vector[float64](65519, 65520), tensor.Vector(tensor.ToF16(65504), tensor.ToF16(float32(inf)))},
		{tensor.Vector[int32](7, 8, -9, 31), tensor.Vector[tensor.I4](7, -8, 7, -1)},
		{tensor.Vector[int32](7, 16, -1), tensor.Vector[tensor.U4](7, 0, 15)},
		{tensor.Vector[int32](1, 2, -3), tensor.Vector[tensor.I2](1, -2, 1)},
		{tensor.Vector[int32](3, 4, -1), tensor.Vector[tensor.U2](3, 0, 3)},
		{tensor.Vector[tensor.I4](-8, 7), tensor.Vector[float32](-8, 7)},
		{tensor.Vector[tensor.U4](15), tensor.Vector[int8](15)},
		{tensor.Vector[float32](1, 1e6), tensor.Vector(tensor.ToF8E4M3FN(1, true), tensor.ToF8E4M3FN(448, true))},
		{tensor.Vector(tensor.ToF8E5M2(-1.5, true)), tensor.Vector[float32](-1.5)},
		{tensor.Vector[int64](3), tensor.Vector(tensor.ToF8E5M2FNUZ(3, true))},
		{tensor.Vector[float32](1.2), tensor.Vector[tensor.F8E8M0](128)},
		{tensor.Vector[float32](-2.6), tensor.Vector(tensor.ToF4E2M1(-3))},
		{tensor.New(tensor.Float32, 0, 3), tensor.New(tensor.Int64, 0, 3)},
		{tensor.Scalar[float32](2), tensor.Scalar[int16](2)},
	} {
		op := ir.New[Cast]()
		op.To = c.want.DType()
		got := eval(t, op, 1, c.in)[0]
		require.True(t, c.want.Equal(got), "case %d, %v to %v: %v", i, c.in, c.want, got.Bytes())
		like := eval(t, ir.New[CastLike](), 1, c.in, tensor.New(c.want.DType()))[0]
		require.True(t, got.Equal(like), i)
	}
}

func TestCastAttributes(t *testing.T) {
	x := tensor.Vector[float32](1e6, 1.2)
	require.True(t, tensor.Vector[tensor.F8E4M3FN](0x7f, 0x3a).Equal(eval(t, &Cast{To: tensor.Float8E4M3FN, RoundMode: "up"}, 1, x)[0]))
	for mode, want := range map[string]tensor.F8E8M0{"up": 128, "down": 127, "nearest": 127} {
		got := eval(t, &Cast{To: tensor.Float8E8M0, Saturate: true, RoundMode: mode}, 1, x)[0]
		require.Equal(t, want, tensor.Data[tensor.F8E8M0](got)[1], mode)
	}
	old := evalOld(t, "Cast", 1, []ir.Attr{{Name: "to", Value: "INT32"}}, 1, x)
	require.Equal(t, []int32{1000000, 1}, tensor.Data[int32](old[0]))
	for want, c := range map[string]struct {
		opset int
		attr  ir.Attr
	}{
		`attribute "to": unsupported value COMPLEX64`: {5, ir.Attr{Name: "to", Value: "COMPLEX64"}},
		`attribute "to": unsupported value complex64`: {6, ir.Attr{Name: "to", Value: 14}},
		`attribute "to": unsupported value 99`:        {6, ir.Attr{Name: "to", Value: 99}},
		`attribute "to": unsupported value undefined`: {6, ir.Attr{Name: "to", Value: 0}},
		`attribute "round_mode": unsupported value x`: {24, ir.Attr{Name: "round_mode", Value: "x"}},
	} {
		_, _, err := upgrade(t, "Cast", c.opset, []ir.Attr{c.attr}, 1, x)
		require.ErrorContains(t, err, want)
	}
	require.ErrorContains(t, evalErr(t, &Cast{To: tensor.Float32}, 1, tensor.Vector("1", "one")), `element 1: "one" is not a number`)
	require.ErrorContains(t, evalErr(t, &Cast{To: tensor.Float32}, 1, tensor.New(tensor.Complex64, 1)), "complex64 is not supported")
}
