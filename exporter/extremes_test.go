package exporter

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// extremes is numbers at which formulas break, as a tensor of some shape.
func extremes(shape ...int) *tensor.Tensor {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	values := []float32{nan, inf, -inf, 0, float32(math.Copysign(0, -1)), 1e-45, -1e-45, 1e-20, -1e-20, math.MaxFloat32, -math.MaxFloat32,
		1e20, -1e20, 1, -1, 0.25, -0.25, 3, -3, 7, -7, 40, -40, 89, -89, 2e38, -2e38, 0.5, -0.5, 1e10, -1e10}
	x := tensor.New(tensor.Float32, shape...)
	for i := range tensor.Data[float32](x) {
		tensor.Data[float32](x)[i] = values[i%len(values)]
	}
	return x
}

// extremeForms is operators that older opsets lack or have otherwise, with unusual attributes, on extreme inputs.
func extremeForms() []form {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	x, y := extremes(2, 31), extremes(62, 1)
	odd := []float32{1, -1, 0, 0.5, -0.5, 2, -2, 1e-6, -1e-6, 1e6, -1e6, 1e-30, -1e-30, 1e30, -1e30, inf, -inf, nan}
	var list []form
	add := func(name string, op ir.Op, in ...any) {
		list = append(list, form{name: fmt.Sprintf("%s %+v", name, op), op: op, in: in})
	}
	for _, a := range odd {
		add("celu", &ops.Celu{Alpha: a}, x)
		add("elu", &ops.Elu{Alpha: a}, x)
		add("leaky relu", &ops.LeakyRelu{Alpha: a}, x)
		add("thresholded relu", &ops.ThresholdedRelu{Alpha: a}, x)
		add("swish", &ops.Swish{Alpha: a}, x)
		for _, b := range []float32{1, -2, 0, inf, nan} {
			add("selu", &ops.Selu{Alpha: a, Gamma: b}, x)
			add("hard sigmoid", &ops.HardSigmoid{Alpha: a, Beta: b}, x)
			add("shrink", &ops.Shrink{Bias: a, Lambd: b}, x)
			add(fmt.Sprint("clip ", a, b), &ops.Clip{}, x, scalar(a), scalar(b))
			add("fused clip", &ops.FusedLinear{Epilogue: ops.Epilogue{Activation: "clip", Alpha: a, Beta: b}}, extremes(62, 1), floatsOf(1, 1))
		}
		add(fmt.Sprint("clip below ", a), &ops.Clip{}, x, scalar(a))
		add(fmt.Sprint("clip above ", a), &ops.Clip{}, x, nil, scalar(a))
		add("fused leaky relu", &ops.FusedLinear{Epilogue: ops.Epilogue{Activation: "leakyrelu", Alpha: a}}, extremes(62, 1), floatsOf(1, 1))
	}
	for _, activation := range []string{"relu", "hardswish", "silu", "sigmoid", "tanh", "gelu"} {
		add("fused", &ops.FusedLinear{Epilogue: ops.Epilogue{Activation: activation}}, extremes(62, 1), floatsOf(1, 1))
	}
	for _, op := range []ir.Op{&ops.HardSwish{}, &ops.Mish{}, ir.New[ops.Gelu](), &ops.Gelu{Approximate: "tanh"}, &ops.Softplus{}, &ops.Softsign{},
		&ops.Relu{}, &ops.Softmax{Axis: 0}, &ops.LogSoftmax{Axis: 0}, &ops.Hardmax{Axis: 0}} {
		add("", op, x)
	}
	for _, op := range []ir.Op{&ops.LessOrEqual{}, &ops.GreaterOrEqual{}, &ops.Max{}, &ops.Min{}, &ops.Sum{}, &ops.Mean{}, &ops.Equal{}} {
		add("", op, extremes(62, 1), extremes(62, 31))
		add("", op, y, y)
	}
	add("clip, computed", &ops.Clip{}, x, tensor.Scalar[float32](2), tensor.Scalar[float32](-2))
	add("clip, computed", &ops.Clip{}, x, tensor.Scalar(-inf), tensor.Scalar(inf))
	for _, largest := range []bool{true, false} {
		list = append(list, form{name: fmt.Sprint("top k ", largest), op: &ops.TopK{Axis: 1, Largest: largest, Sorted: true}, in: []any{x, ints(31)}, outs: 2})
	}
	for _, op := range []ir.Op{ir.New[ops.ReduceMax](), ir.New[ops.ReduceMin](), ir.New[ops.ReduceSum](), ir.New[ops.ReduceMean]()} {
		add("", op, x, ints(-1))
	}
	return list
}

func floatsOf(shape ...int) fixed {
	w := tensor.New(tensor.Float32, shape...)
	for i := range tensor.Data[float32](w) {
		tensor.Data[float32](w)[i] = 1
	}
	return fixed{w}
}

// What is written in an older opset is the same function of NaN, of infinities, of huge and of tiny numbers, whatever the
// attributes; or it is refused.
func TestDowngradeOfExtremes(t *testing.T) {
	for _, f := range extremeForms() {
		g, inputs := f.build(t)
		want := evaluate(t, g, inputs)
		written := 0
		for _, opset := range []int{7, 8, 9, 10, 11, 17, ops.Opset} {
			var buf bytes.Buffer
			if err := Write(&buf, g, Options{Opset: opset}); err != nil {
				var need *ir.OpsetError
				require.True(t, errors.As(err, &need), "%v", err)
				continue
			}
			h, err := importer.Read(&buf)
			require.NoError(t, err)
			requireAlike(t, want, evaluate(t, h, inputs), fmt.Sprint(f.name, ", opset ", opset))
			written++
		}
		require.NotZero(t, written, "%s: in no opset", f.name)
	}
}

// requireAlike is requireNear for any numbers: NaN and infinities are themselves.
func requireAlike(t *testing.T, want, got []*tensor.Tensor, hint string) {
	for i := range want {
		if want[i].DType() != tensor.Float32 {
			require.True(t, want[i].Equal(got[i]), "%s: %v, want %v", hint, got[i], want[i])
			continue
		}
		for j, v := range tensor.Data[float32](want[i]) {
			w, g := float64(v), float64(tensor.Data[float32](got[i])[j])
			same := w == g || w != w && g != g || math.Abs(w-g) <= 4e-6*max(0.1, math.Abs(w))
			if !same {
				require.Failf(t, "another function", "%s, element %d: %v, want %v", hint, j, g, w)
			}
		}
	}
}
