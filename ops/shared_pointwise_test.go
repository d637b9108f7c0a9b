package ops

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// What the functions are at the ends of their domains; testdata/unary.jsonl has the values between.
func TestUnaryLimits(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range []struct {
		op      ir.Op
		x, want []float32
	}{
		{op: &Sqrt{}, x: []float32{-1, inf}, want: []float32{nan, inf}},
		{op: &Log{}, x: []float32{0, -1, inf}, want: []float32{-inf, nan, inf}},
		{op: &Exp{}, x: []float32{-inf, inf, 89}, want: []float32{0, inf, inf}},
		{op: &Reciprocal{}, x: []float32{0, -4, inf}, want: []float32{inf, -0.25, 0}},
		{op: &Sigmoid{}, x: []float32{-inf, -1000, 1000, inf}, want: []float32{0, 0, 1, 1}},
		{op: &Tanh{}, x: []float32{-inf, inf}, want: []float32{-1, 1}},
		{op: &Softplus{}, x: []float32{-inf, 1000, inf}, want: []float32{0, 1000, inf}},
		{op: &Softsign{}, x: []float32{1e30, -1e30}, want: []float32{1, -1}},
		{op: &Mish{}, x: []float32{1000, -1000}, want: []float32{1000, 0}},
		{op: ir.New[Swish](), x: []float32{1000, -1000}, want: []float32{1000, 0}},
		{op: ir.New[Gelu](), x: []float32{100, -100}, want: []float32{100, 0}},
		{op: &Gelu{Approximate: "tanh"}, x: []float32{100, -100}, want: []float32{100, 0}},
		{op: ir.New[Elu](), x: []float32{-inf, inf}, want: []float32{-1, inf}},
		{op: ir.New[Celu](), x: []float32{-inf, inf}, want: []float32{-1, inf}},
		{op: ir.New[HardSigmoid](), x: []float32{-inf, inf, 2.5, -2.5}, want: []float32{0, 1, 1, 0}},
		{op: &HardSwish{}, x: []float32{-3, 3, inf}, want: []float32{0, 3, inf}},
		{op: ir.New[ThresholdedRelu](), x: []float32{1, 1.0000001, -5}, want: []float32{0, 1.0000001, 0}},
		{op: ir.New[Shrink](), x: []float32{0.5, -0.5, 0.75, -inf}, want: []float32{0, 0, 0.75, -inf}},
		{op: &Acos{}, x: []float32{2, 1}, want: []float32{nan, 0}},
		{op: &Acosh{}, x: []float32{0.5, 1}, want: []float32{nan, 0}},
		{op: &Atanh{}, x: []float32{1, -1, 2}, want: []float32{inf, -inf, nan}},
		{op: &Round{}, x: []float32{inf, 1e30, 2.5}, want: []float32{inf, 1e30, 2}},
		{op: &Sign{}, x: []float32{inf, -1e-40}, want: []float32{1, -1}},
		{op: &Abs{}, x: []float32{-inf}, want: []float32{inf}},
		{op: &Erf{}, x: []float32{inf, -inf}, want: []float32{1, -1}},
		{op: ir.New[LeakyRelu](), x: []float32{-inf, inf}, want: []float32{-inf, inf}},
		{op: ir.New[Selu](), x: []float32{-inf}, want: []float32{-1.7580993}},
	} {
		x, want := append(c.x, nan), append(c.want, nan) // NaN stays NaN everywhere
		switch c.op.(type) {
		case *Shrink, *ThresholdedRelu:
			want[len(want)-1] = 0 // but neither below nor above
		}
		got := tensor.Data[float32](eval(t, c.op, 1, tensor.Vector(x...))[0])
		for i := range got {
			got[i] += 0 // -0 is as good as 0
		}
		require.Equal(t, fmt.Sprint(want), fmt.Sprint(got), "%T", c.op)
	}
}

func TestUnaryTypes(t *testing.T) {
	for _, c := range []struct {
		op      ir.Op
		x, want *tensor.Tensor
	}{
		{&Exp{}, tensor.Vector(tensor.ToF16(0), tensor.ToF16(12)), tensor.Vector(tensor.ToF16(1), tensor.ToF16(float32(math.Inf(1))))},
		{&Sqrt{}, tensor.Vector(tensor.ToBF16(4)), tensor.Vector(tensor.ToBF16(2))},
		{&Floor{}, tensor.Scalar(-1.5), tensor.Scalar(-2.0)},
		{&Abs{}, tensor.Vector[uint64](math.MaxUint64), tensor.Vector[uint64](math.MaxUint64)},
		{&Neg{}, tensor.Vector[int64](math.MinInt64, 3), tensor.Vector[int64](math.MinInt64, -3)},
		{&Sign{}, tensor.Vector[uint64](0, math.MaxUint64), tensor.Vector[uint64](0, 1)},
		{&Erf{}, tensor.Vector[int32](-9, 0, 9), tensor.Vector[int32](-1, 0, 1)},
		{&Shrink{Lambd: 1, Bias: 1.5}, tensor.Vector[int8](-3, 1, 3), tensor.Vector[int8](-1, 0, 1)},
		{&BitwiseNot{}, tensor.Vector[uint16](1), tensor.Vector[uint16](65534)},
		{&Cos{}, tensor.New(tensor.Float32, 0), tensor.New(tensor.Float32, 0)},
	} {
		require.True(t, c.want.Equal(eval(t, c.op, 1, c.x)[0]), "%T", c.op)
	}
	require.ErrorContains(t, evalErr(t, &Sin{}, 1, tensor.Vector[int32](1)), "element type int32 is not supported")
	require.ErrorContains(t, evalErr(t, &Neg{}, 1, tensor.Vector[uint8](1)), "element type uint8 is not supported")
}

func TestUnaryOldForms(t *testing.T) {
	x := tensor.Vector[float32](-1, 2)
	consumed := ir.Attr{Name: "consumed_inputs", Value: []int{0}}
	require.Equal(t, []float32{1, 2}, tensor.Data[float32](evalOld(t, "Abs", 1, []ir.Attr{consumed}, 1, x)[0]))
	selu := tensor.Data[float32](evalOld(t, "Selu", 1, []ir.Attr{consumed}, 1, x)[0])
	require.InDelta(t, 2*1.0507, selu[1], 1e-6)
	require.InDelta(t, 1.0507*1.6732*math.Expm1(-1), selu[0], 1e-6)
	_, _, err := upgrade(t, "Gelu", 20, []ir.Attr{{Name: "approximate", Value: "erf"}}, 1, x)
	require.ErrorContains(t, err, `attribute "approximate": unsupported value erf`)
}

// Slopes at NaN and of unusual attributes.
func TestSlopes(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		op      sloped
		x, want float64
	}{
		{&Relu{}, nan, 1}, {&Relu{}, 0, 0}, {&Relu{}, -1, 0}, {&Relu{}, 1, 1}, // as PyTorch's
		{&Celu{Alpha: -2}, 1, 1}, {&Celu{Alpha: -2}, -1, math.Exp(0.5)}, {&Celu{Alpha: 2}, -1, math.Exp(-0.5)}, {&Celu{Alpha: 2}, 3, 1},
	} {
		require.InDelta(t, c.want, c.op.derivative()(c.x), 1e-12, "%#v at %v", c.op, c.x)
	}
}

// Of the greatest and of the least, NaN is the last.
func TestTopKOfNaN(t *testing.T) {
	nan := float32(math.NaN())
	x := tensor.Vector[float32](2, nan, 3, 1)
	k := tensor.Vector[int64](4)
	require.Equal(t, []int64{2, 0, 3, 1}, tensor.Data[int64](eval(t, &TopK{Largest: true, Sorted: true}, 2, x, k)[1]))
	require.Equal(t, []int64{3, 0, 2, 1}, tensor.Data[int64](eval(t, &TopK{Sorted: true}, 2, x, k)[1]))
}
