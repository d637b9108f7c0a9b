package ops

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// activations is an operator for each activation of an epilogue, nil for none, and its inputs beyond the first.
var activations = []struct {
	Epilogue
	op   ir.Op
	more []*tensor.Tensor
}{
	{Epilogue{Activation: "none"}, &Identity{}, nil},
	{Epilogue{Activation: "relu"}, &Relu{}, nil},
	{Epilogue{"clip", -0.5, 0.75}, &Clip{}, []*tensor.Tensor{tensor.Scalar[float32](-0.5), tensor.Scalar[float32](0.75)}},
	{Epilogue{"clip", 0.75, -0.5}, &Clip{}, []*tensor.Tensor{tensor.Scalar[float32](0.75), tensor.Scalar[float32](-0.5)}},
	{Epilogue{"leakyrelu", 0.3, 0}, &LeakyRelu{0.3}, nil},
	{Epilogue{Activation: "hardswish"}, &HardSwish{}, nil},
	{Epilogue{Activation: "silu"}, &Swish{1}, nil},
	{Epilogue{Activation: "sigmoid"}, &Sigmoid{}, nil},
	{Epilogue{"hardsigmoid", 0.3, 0.4}, &HardSigmoid{0.3, 0.4}, nil},
	{Epilogue{Activation: "tanh"}, &Tanh{}, nil},
	{Epilogue{Activation: "gelu"}, &Gelu{Approximate: "none"}, nil},
}

// noise is a tensor of normally distributed numbers.
func noise(rng *rand.Rand, shape ...int) *tensor.Tensor {
	x := tensor.New(tensor.Float32, shape...)
	for i := range tensor.Data[float32](x) {
		tensor.Data[float32](x)[i] = float32(rng.NormFloat64())
	}
	return x
}

// A fused operator gives what its parts give one after the other, to the bit, and a NaN stays one.
func TestFusedIsItsParts(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	x, w, b := noise(rng, 2, 4, 5, 6), noise(rng, 6, 2, 3, 2), noise(rng, 6)
	r := noise(rng, 2, 6, 3, 5)
	tensor.Data[float32](r)[7] = float32(math.NaN())
	conv := Conv{AutoPad: "NOTSET", Group: 2}
	m, c, rows := noise(rng, 6, 3), noise(rng, 3), noise(rng, 2, 4, 5, 3)
	for _, a := range activations {
		t.Run(a.Activation, func(t *testing.T) {
			then := func(y, residual *tensor.Tensor) *tensor.Tensor {
				if residual != nil {
					y = eval(t, &Add{}, 1, y, residual)[0]
				}
				return eval(t, a.op, 1, append([]*tensor.Tensor{y}, a.more...)...)[0]
			}
			for _, in := range [][]*tensor.Tensor{{x, w}, {x, w, b}, {x, w, nil, r}, {x, w, b, r}} {
				want := then(eval(t, &conv, 1, in[:min(3, len(in))]...)[0], residualOf(in))
				require.True(t, same(want, eval(t, &FusedConv{conv, a.Epilogue}, 1, in...)[0]))
			}
			for _, in := range [][]*tensor.Tensor{{x, m}, {x, m, c}, {x, m, nil, rows}, {x, m, c, rows}} {
				y := eval(t, &MatMul{}, 1, x, m)[0]
				if len(in) > 2 && in[2] != nil {
					y = eval(t, &Add{}, 1, y, c)[0]
				}
				want := then(y, residualOf(in))
				require.True(t, same(want, eval(t, &FusedLinear{false, a.Epilogue}, 1, in...)[0]))
				in[1] = eval(t, &Transpose{}, 1, m)[0]
				require.True(t, same(want, eval(t, &FusedLinear{true, a.Epilogue}, 1, in...)[0]))
			}
		})
	}
}

func residualOf(in []*tensor.Tensor) *tensor.Tensor {
	if len(in) > 3 {
		return in[3]
	}
	return nil
}

// same reports whether two tensors are equal, a NaN being equal to any other.
func same(a, b *tensor.Tensor) bool {
	x, y := tensor.Data[float32](a), tensor.Data[float32](b)
	for i := range x {
		if x[i] != y[i] && (x[i] == x[i] || y[i] == y[i]) {
			return false
		}
	}
	return len(x) == len(y)
}

// Attention is what Slice, Reshape, Transpose, MatMul and Softmax make of it.
func TestFusedAttentionIsItsParts(t *testing.T) {
	const images, times, heads, depth = 2, 5, 3, 4
	x := noise(rand.New(rand.NewPCG(1, 2)), images, times, 3*heads*depth)
	ints := func(n ...int64) *tensor.Tensor { return tensor.FromSlice(n, len(n)) }
	part := func(i int64, perm ...int) *tensor.Tensor {
		y := eval(t, &Slice{}, 1, x, ints(i*heads*depth), ints((i+1)*heads*depth), ints(2))[0]
		y = eval(t, &Reshape{}, 1, y, ints(images, times, heads, depth))[0]
		return eval(t, &Transpose{perm}, 1, y)[0]
	}
	scores := eval(t, &Mul{}, 1, eval(t, &MatMul{}, 1, part(0, 0, 2, 1, 3), part(1, 0, 2, 3, 1))[0], tensor.Scalar[float32](0.3))[0]
	y := eval(t, &MatMul{}, 1, eval(t, &Softmax{-1}, 1, scores)[0], part(2, 0, 2, 1, 3))[0]
	y = eval(t, &Reshape{}, 1, eval(t, &Transpose{[]int{0, 2, 1, 3}}, 1, y)[0], ints(images, times, heads*depth))[0]
	want := tensor.Data[float32](y)
	got := eval(t, &FusedAttention{Heads: heads, Scale: 0.3}, 1, x)[0]
	require.Equal(t, y.Shape(), got.Shape())
	require.InDeltaSlice(t, want, tensor.Data[float32](got), 1e-5)
	swap := &Transpose{[]int{1, 0, 2}}
	got = eval(t, swap, 1, eval(t, &FusedAttention{heads, 0.3, true}, 1, eval(t, swap, 1, x)[0])[0])[0]
	require.InDeltaSlice(t, want, tensor.Data[float32](got), 1e-5)
	for _, dt := range []tensor.DType{tensor.Float16, tensor.BFloat16, tensor.Float64} {
		got := eval(t, &FusedAttention{Heads: heads, Scale: 0.3}, 1, tensor.FromFloat32(x, dt))[0]
		require.Equal(t, dt, got.DType())
		require.InDeltaSlice(t, want, tensor.Data[float32](got.ToFloat32()), 0.05)
	}
}

func TestFusedOfOtherTypes(t *testing.T) {
	x := tensor.FromSlice([]float32{1, -2, 3, -4}, 1, 1, 2, 2)
	w := tensor.FromSlice([]float32{2}, 1, 1, 1, 1)
	for _, dt := range []tensor.DType{tensor.Float16, tensor.BFloat16, tensor.Float64} {
		in := []*tensor.Tensor{tensor.FromFloat32(x, dt), tensor.FromFloat32(w, dt), nil, tensor.FromFloat32(x, dt)}
		op := &FusedConv{Conv{AutoPad: "NOTSET", Group: 1}, Epilogue{Activation: "relu"}}
		require.Equal(t, []float32{3, 0, 9, 0}, tensor.Data[float32](eval(t, op, 1, in...)[0].ToFloat32()))
		in[1] = tensor.FromFloat32(tensor.FromSlice([]float32{2, 0, 0, 2}, 2, 2), dt)
		require.Equal(t, []float32{3, 0, 9, 0}, tensor.Data[float32](eval(t, &FusedLinear{false, op.Epilogue}, 1, in...)[0].ToFloat32()))
	}
}

func TestFusedRefuses(t *testing.T) {
	f := func(shape ...int) *tensor.Tensor { return tensor.New(tensor.Float32, shape...) }
	conv, linear := ir.New[FusedConv](), ir.New[FusedLinear]()
	require.ErrorContains(t, evalErr(t, &FusedAttention{Heads: 2, Scale: 1}, 1, f(1, 4, 9)), "multiple of 3·2 heads")
	require.ErrorContains(t, evalErr(t, &FusedAttention{Heads: 1, Scale: 1}, 1, f(4, 9)), "expects 3 dimensions")
	require.ErrorContains(t, evalErr(t, &FusedAttention{Scale: 1}, 1, f(1, 4, 9)), "must be positive")
	require.ErrorContains(t, evalErr(t, conv, 1, f(1, 3, 4, 4), f(2, 2, 3, 3)), "expect 2")
	require.ErrorContains(t, evalErr(t, conv, 1, f(1, 1, 4, 4), f(2, 1, 1, 1), nil, f(1, 1, 4, 4)), "does not fit")
	require.ErrorContains(t, evalErr(t, conv, 1, f(1, 1, 4, 4), f(2, 1, 1, 1), nil, f(2, 4, 4)), "does not fit")
	require.ErrorContains(t, evalErr(t, linear, 1, f(4, 3), f(2, 2)), "inner dimensions 3 and 2 differ")
	require.ErrorContains(t, evalErr(t, linear, 1, f(4, 3), f(3, 2), f(3)), "bias has shape [3]")
	require.ErrorContains(t, evalErr(t, linear, 1, f(4, 3), f(3, 2), f(4, 2)), "bias has shape [4,2]")
	require.ErrorContains(t, evalErr(t, linear, 1, f(), f(3, 2)), "scalar")
	require.ErrorContains(t, evalErr(t, linear, 1, f(4, 3), f(3, 2), nil, f(4, 1)), "does not fit")
}

// Files do not have the operators that passes make.
func TestFusedAreNotInTheTable(t *testing.T) {
	for _, name := range []string{"FusedConv", "FusedLinear"} {
		for _, domain := range []string{"", "ai.onnx", "onnxrun", "com.microsoft"} {
			require.Nil(t, Lookup(domain, name))
		}
		require.NotNil(t, LookupFused("onnxrun", name))
	}
	require.Same(t, relu, LookupFused("ai.onnx", "Relu"))
}
