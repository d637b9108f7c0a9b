package runtime

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Every lowering gives what the operator's reference gives.
func TestLoweringsAgainstReference(t *testing.T) {
	for _, c := range []struct{ inputs, nodes string }{
		{"%x: float32[2,4,7,9], %w: float32[6,2,3,3], %b: float32[6]", "Conv{group=2, pads=[1,0,1,2], strides=[2,1]}(%x, %w, %b)"},
		{"%x: float32[2,3,11], %w: float32[5,3,3]", "Conv{dilations=[2]}(%x, %w)"},
		{"%x: float32[1,2,4,5,6], %w: float32[3,2,2,2,2]", "Conv(%x, %w)"},
		{"%x: float32[1,4,6,6], %w: float32[4,1,3,3]", `Conv{auto_pad="SAME_UPPER", group=4}(%x, %w)`},
		{"%x: float32[2,4,5,5], %w: float32[4,3,3,3], %b: float32[6]", "ConvTranspose{group=2, strides=[2,2], pads=[1,1,0,0], output_padding=[1,0]}(%x, %w, %b)"},
		{"%a: float32[3,5], %b: float32[5,4], %c: float32[4]", "Gemm{alpha=0.5, beta=2.0}(%a, %b, %c)"},
		{"%a: float32[5,3], %b: float32[4,5], %c: float32[3,1]", "Gemm{transA=1, transB=1}(%a, %b, %c)"},
		{"%a: float32[1,5], %b: float32[4,5]", "Gemm{transB=1}(%a, %b)"},
		{"%a: float32[2,1,3,5], %b: float32[4,5,2]", "MatMul(%a, %b)"},
		{"%a: float32[5], %b: float32[4,5,2]", "MatMul(%a, %b)"},
		{"%a: float32[2,3,5], %b: float32[5]", "MatMul(%a, %b)"},
		{"%x: float32[2,3,8,9]", "MaxPool{kernel_shape=[3,2], strides=[2,2], pads=[1,0,0,1], ceil_mode=1}(%x)"},
		{"%x: float32[2,3,8,9]", "MaxPool{kernel_shape=[2,2], dilations=[2,3]}(%x)"},
		{"%x: float32[2,3,8,9]", "AveragePool{kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1], ceil_mode=1}(%x)"},
		{"%x: float32[2,3,8,9]", "AveragePool{kernel_shape=[3,3], pads=[1,1,1,1], count_include_pad=1}(%x)"},
		{"%x: float32[2,3,8,9]", "GlobalAveragePool(%x)"},
		{"%x: float32[2,3,8,9]", "GlobalMaxPool(%x)"},
		{"%x: float32[2,7,3,3]", "LRN{size=4, alpha=0.5, beta=0.75, bias=2.0}(%x)"},
		{"%x: float32[2,3,4,5]", "Softmax{axis=1}(%x)"},
		{"%x: float32[2,3,4,5]", "LogSoftmax(%x)"},
		{"%x: float32[2,5,96]", "onnxrun.FusedAttention{heads=2, scale=0.25}(%x)"},
		{"%x: float32[5,2,96]", "onnxrun.FusedAttention{heads=1, scale=0.25, time_first=true}(%x)"},
		{"%x: float32[2,3,4], %s: float32[4], %b: float32[4]", "LayerNormalization(%x, %s, %b)"},
		{"%x: float32[2,3,4,5], %s: float32[3], %b: float32[3]", "InstanceNormalization(%x, %s, %b)"},
		{"%a: float32[2,3,4], %b: float32[3,1]", "Add(%a, %b)"},
		{"%a: float32[3,1], %b: float32[2,3,4]", "Sub(%a, %b)"},
		{"%a: float32[2,3,4], %b: float32[4]", "Mul(%a, %b)"},
		{"%a: float32[2,3,4], %b: float32[]", "Div(%a, %b)"},
		{"%a: float32[2,3,4], %b: float32[3,1]", "PRelu(%a, %b)"},
		{"%x: float32[2,3,4,5]", "Transpose{perm=[0,2,3,1]}(%x)"},
		{"%x: float32[2,3,4,5]", "Transpose(%x)"},
		{"%a: float32[2,3,4], %b: float32[2,1,4], %c: float32[2,0,4]", "Concat{axis=-2}(%a, %b, %c)"},
		{"%x: float32[2,3,4,5]", "Gather{axis=1}(%x, %last)"},
		{"%x: float32[2,3,4,5]", "Slice(%x, %from, %to, %axes)"},
		{"%x: float32[2,3,4,5]", "ReduceMean(%x, %axes)"},
		{"%x: float32[2,3,4,5]", "ReduceSum{keepdims=0}(%x, %axes)"},
		{"%x: float32[2,3,4,5]", "ReduceMax(%x)"},
		{"%x: float32[2,3,4,5]", "Clip(%x, %lo, %hi)"},
		{"%x: float32[2,3,4,5]", "Clip(%x, _, %hi)"},
		{"%x: float32[33]", "LeakyRelu{alpha=0.3}(%x)"}, {"%x: float32[33]", "Elu(%x)"}, {"%x: float32[33]", "Selu(%x)"},
		{"%x: float32[33]", "HardSigmoid(%x)"}, {"%x: float32[33]", "HardSwish(%x)"}, {"%x: float32[33]", "Sigmoid(%x)"},
		{"%x: float32[33]", "Tanh(%x)"}, {"%x: float32[33]", "Exp(%x)"}, {"%x: float32[33]", "Erf(%x)"}, {"%x: float32[33]", "Neg(%x)"},
		{"%x: float32[33]", "Abs(%x)"}, {"%x: float32[33]", "Sqrt(%x)"}, {"%x: float32[33]", "Log(%x)"}, {"%x: float32[33]", "Reciprocal(%x)"},
		{"%x: float32[33]", "Floor(%x)"}, {"%x: float32[33]", "Ceil(%x)"}, {"%x: float32[33]", "Round(%x)"}, {"%x: float32[33]", "Relu(%x)"},
		{"%x: float32[33]", "Softplus(%x)"}, {"%x: float32[33]", "Softsign(%x)"}, {"%x: float32[33]", "Gelu(%x)"},
		{"%x: float32[33]", `Gelu{approximate="tanh"}(%x)`}, {"%x: float32[33]", "Mish(%x)"}, {"%x: float32[33]", "Swish{alpha=0.7}(%x)"},
	} {
		t.Run(c.nodes, func(t *testing.T) { compareWithReference(t, c.inputs, c.nodes) })
	}
}

// compareWithReference runs a node by its lowering, with every input given at the run and with all but the first constant.
func compareWithReference(t *testing.T, inputs, node string) {
	rng := rand.New(rand.NewPCG(1, 2))
	decls := strings.Split(inputs, ", %")
	for i := 1; i < len(decls); i++ {
		decls[i] = "%" + decls[i]
	}
	consts := "  %last: int64[] = const -1\n  %from: int64[2] = const [0, 1]\n  %to: int64[2] = const [2, 4]\n"
	consts += "  %axes: int64[2] = const [1, -1]\n  %lo: float32[] = const -0.5\n  %hi: float32[] = const 0.75\n"
	g := parse(t, `graph "g" opset 21 (`+strings.Join(decls, ", ")+") -> (%y) {\n"+consts+"  %y = "+node+" \"n\"\n}")
	var in []*tensor.Tensor
	for _, v := range g.Inputs() {
		x := tensor.New(tensor.Float32, sizes(v)...)
		for i := range tensor.Data[float32](x) {
			tensor.Data[float32](x)[i] = float32(rng.NormFloat64())
		}
		in = append(in, x)
	}
	n := g.Nodes()[0]
	args := make([]*tensor.Tensor, len(n.Inputs()))
	for i, v := range n.Inputs() {
		if v == nil {
			continue
		}
		if args[i] = v.Const(); args[i] == nil {
			args[i] = in[indexOf(g.Inputs(), v)]
		}
	}
	want, err := ir.Eval(context.Background(), n, args, ir.Host{})
	require.NoError(t, err)

	s, err := Compile(t.Context(), g, Options{Threads: 3})
	require.NoError(t, err)
	defer s.Close()
	got, err := s.Run(context.Background(), in...)
	require.NoError(t, err)
	requireNear(t, want[0], got[0])
	for _, p := range s.plans {
		for _, st := range p.steps {
			require.NotEqual(t, "reference", st.Algorithm, "the node has a lowering")
		}
	}
}

func indexOf(values []*ir.Value, v *ir.Value) int {
	for i, w := range values {
		if w == v {
			return i
		}
	}
	return -1
}

func requireNear(t *testing.T, want, got *tensor.Tensor) {
	t.Helper()
	require.Equal(t, want.Shape(), got.Shape())
	a, b := tensor.Data[float32](want), tensor.Data[float32](got)
	for i := range a {
		if a[i] == b[i] || a[i] != a[i] && b[i] != b[i] {
			continue
		}
		d := float64(a[i] - b[i])
		require.LessOrEqual(t, max(d, -d), 1e-5+1e-5*float64(max(a[i], -a[i])), "element %d: %v, want %v", i, b[i], a[i])
	}
}

// Where filling up channels to whole blocks would take too much memory, plain arrays are used.
func TestBlocksStayWithinMemory(t *testing.T) {
	g := parse(t, `graph "g" opset 21 (%x: float32[1,1,64,64]) -> (%y) {
  %w: float32[1,1,3,3] = const splat(0.5)
  %c = Conv{pads=[1,1,1,1]}(%x, %w) "c"
  %y = Relu(%c) "y"
}`)
	x := tensor.New(tensor.Float32, 1, 1, 64, 64)
	for _, limit := range []int{1 << 30, 200 << 10} {
		s, err := Compile(t.Context(), g, Options{Threads: 1, MaxMemory: limit})
		require.NoError(t, err)
		_, err = s.Run(context.Background(), x)
		require.NoError(t, err)
		s.Close()
	}
}

// sizes is a value's shape, which is known.
func sizes(v *ir.Value) []int {
	n, _ := v.Type().Shape.Ints()
	return n
}
