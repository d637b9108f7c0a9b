package runtime

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/passes"
	"github.com/onnxrun/onnxrun/tensor"
)

// interpret computes the outputs of a graph by the operators' references.
func interpret(t *testing.T, g *ir.Graph, in []*tensor.Tensor) []*tensor.Tensor {
	env := map[*ir.Value]*tensor.Tensor{}
	for i, v := range g.Inputs() {
		env[v] = in[i]
	}
	for _, n := range g.Nodes() {
		args := make([]*tensor.Tensor, len(n.Inputs()))
		for i, v := range n.Inputs() {
			if v == nil {
				continue
			}
			if args[i] = env[v]; args[i] == nil {
				args[i] = v.Const()
			}
		}
		out, err := ir.Eval(context.Background(), n, args, ir.Host{})
		require.NoError(t, err, n.Name)
		for o, v := range n.Outputs() {
			if v != nil {
				env[v] = out[o]
			}
		}
	}
	var outs []*tensor.Tensor
	for _, v := range g.Outputs() {
		outs = append(outs, env[v])
	}
	return outs
}

// randomInputs are numbers around zero, with some that are alike, and 1 for integers.
func randomInputs(g *ir.Graph) []*tensor.Tensor {
	rng := rand.New(rand.NewPCG(3, 4))
	var in []*tensor.Tensor
	for _, v := range g.Inputs() {
		x := tensor.New(v.Type().DType, sizes(v)...)
		if v.Type().DType == tensor.Int64 {
			for i := range tensor.Data[int64](x) {
				tensor.Data[int64](x)[i] = 1
			}
		} else {
			for i := range tensor.Data[float32](x) {
				tensor.Data[float32](x)[i] = float32(rng.NormFloat64())
				if i%3 == 0 {
					tensor.Data[float32](x)[i] = float32(rng.IntN(3))
				}
			}
		}
		in = append(in, x)
	}
	return in
}

// compareTraining runs a graph as it stands by all kernels: what comes out is near to what references compute, and the same
// to the bit for every number of threads. By the kernels of vector registers, no node is left to its reference.
func compareTraining(t *testing.T, text string) {
	t.Helper()
	g := parse(t, text)
	in := randomInputs(g)
	want := interpret(t, g, in)
	for _, kernels := range Kernels() {
		var first []*tensor.Tensor
		for _, threads := range []int{1, 3} {
			s, err := Compile(t.Context(), g, Options{Threads: threads, Kernels: kernels, Passes: &passes.Options{Level: passes.O0}})
			require.NoError(t, err)
			defer s.Close()
			got, err := s.Run(context.Background(), in...)
			require.NoError(t, err)
			for i := range got {
				requireNear(t, want[i], got[i])
				if first != nil {
					require.Equal(t, first[i].Bytes(), got[i].Bytes(), "%s: output %d", kernels, i)
				}
			}
			again, err := s.Run(context.Background(), in...)
			require.NoError(t, err)
			for i := range got {
				require.Equal(t, got[i].Bytes(), again[i].Bytes(), "%s: output %d, second Run", kernels, i)
			}
			first = got
			if kernels == "generic" {
				continue
			}
			for _, st := range s.plans[0].steps {
				require.NotEqual(t, "reference", st.Algorithm, "%s (%s) has a lowering", st.Node().Name, st.Node().OpName())
			}
		}
	}
}

const updates = `graph "g" opset 21 (%w: float32[5,7], %dw: float32[5,7], %v: float32[5,7], %m: float32[5,7], %rate: float32[], %step: int64[], %loss: float32[]) -> (%w1, %v1, %w2, %v2, %w3, %m4, %w4, %v4, %m5, %w5, %v5, %scale, %one) {
  %square: float32[5,7] = Mul(%v, %v) "square"
  %scale = onnxrun.ClipScale{limit=2.0}(%loss, %dw, %m) "scale"
  %one = onnxrun.ClipScale(%loss, %dw) "one"
  %w1, %v1 = onnxrun.Momentum{momentum=0.9, decay=0.1, rate_factor=0.5}(%w, %dw, %rate, _, %v) "momentum"
  %w2, %v2 = onnxrun.Momentum{momentum=0.9, nesterov=true}(%w, %dw, %rate, %scale, %v) "nesterov"
  %w3 = onnxrun.Momentum{decay=0.1}(%w, %dw, %rate, %scale) "plain"
  %w4, %m4, %v4 = onnxrun.Adam{decay=0.1}(%w, %dw, %rate, %step, %m, %square, %scale) "adam"
  %w5, %m5, %v5 = onnxrun.Adam{decay=0.1, decoupled=true}(%w, %dw, %rate, %step, %m, %square) "adamw"
}`

func TestUpdateLowerings(t *testing.T) { compareTraining(t, updates) }

func TestInPlace(t *testing.T) {
	const text = `graph "g" opset 21 (%x: float32[4,3], %w: float32[3,2], %v: float32[3,2], %rate: float32[]) -> (%y, %w2, %v2) {
  %y = MatMul(%x, %w) "layer"
  %dw: float32[3,2] = Mul(%w, %w) "gradient"
  %w2, %v2 = onnxrun.Momentum{momentum=0.5}(%w, %dw, %rate, _, %v) "update"
}`
	for _, kernels := range Kernels() {
		g := parse(t, text)
		in := randomInputs(g)
		want := interpret(t, g, in)
		s, err := Compile(t.Context(), g, Options{Kernels: kernels, InPlace: map[string]string{"w2": "w", "v2": "v"}})
		require.NoError(t, err)
		defer s.Close()
		for range 2 {
			got, err := s.Run(context.Background(), in...)
			require.NoError(t, err)
			for i := range got {
				requireNear(t, want[i], got[i])
			}
			require.Same(t, in[1], got[1])
			require.Same(t, in[2], got[2])
			want = interpret(t, g, in)
		}
	}
	for _, c := range []struct{ text, out, in, err string }{
		{text, "w2", "x", `output "w2" in the place of input "x" (Options.InPlace): it is not what a step of an optimizer`},
		{text, "y", "x", "it is not what a step"},
		{text, "w2", "ww", `input "ww": not found`},
		{text, "w3", "w", `output "w3": not found`},
		{`graph "g" opset 21 (%w: float32[3], %dw: float32[3], %rate: float32[]) -> (%w2, %y) {
  %w2 = onnxrun.Momentum(%w, %dw, %rate) "update"
  %y = Relu(%w) "late"
}`, "w2", "w", `node "late" reads the input later: put it before node "update"`},
		{`graph "g" opset 21 (%w: float32[3], %dw: float32[3], %rate: float32[]) -> (%w2, %w3) {
  %w2 = onnxrun.Momentum(%w, %dw, %rate) "a"
  %w3 = onnxrun.Momentum(%w2, %dw, %rate) "b"
}`, "w3", "w", "it is not what a step"},
	} {
		_, err := Compile(t.Context(), parse(t, c.text), Options{InPlace: map[string]string{c.out: c.in}})
		require.ErrorContains(t, err, c.err)
	}
	// An operator without a kernel for its element type is written in place, too.
	g := parse(t, `graph "g" opset 21 (%w: float64[2], %dw: float64[2], %rate: float64[]) -> (%w2) {
  %w2 = onnxrun.Momentum(%w, %dw, %rate) "update"
}`)
	s, err := Compile(t.Context(), g, Options{InPlace: map[string]string{"w2": "w"}})
	require.NoError(t, err)
	defer s.Close()
	w := tensor.FromSlice([]float64{1, 2}, 2)
	_, err = s.Run(context.Background(), w, tensor.FromSlice([]float64{10, 20}, 2), tensor.Scalar(0.1))
	require.NoError(t, err)
	require.InDeltaSlice(t, []float64{0, 0}, tensor.Data[float64](w), 1e-6)
}

func TestTrainingLowerings(t *testing.T) {
	for _, c := range []struct{ name, inputs, outputs, nodes string }{
		{"norm", "%x: float32[3,20,4,5], %s: float32[20], %b: float32[20], %m: float32[20], %v: float32[20], %d: float32[3,20,4,5]",
			"%y, %mean, %var, %dx, %ds, %db", `
  %y, %mean, %var = BatchNormalization{training_mode=1, momentum=0.7}(%x, %s, %b, %m, %v) "norm"
  %dx, %ds, %db = onnxrun.BatchNormalizationGrad(%d, %x, %s) "back"`},
		{"norm and rectifier", "%x: float32[2,16,3,3], %s: float32[16], %b: float32[16], %m: float32[16], %v: float32[16], %d: float32[2,16,3,3]",
			"%y, %dx, %ds, %db", `
  %n, _, %var = BatchNormalization{training_mode=1}(%x, %s, %b, %m, %v) "norm"
  %y = Relu(%n) "relu"
  %r = onnxrun.PointwiseGrad{of="Relu", result=true}(%d, %y) "relu/back"
  %dx, %ds, %db = onnxrun.BatchNormalizationGrad(%r, %x, %s) "back"`},
		{"norm, sum and rectifier", "%x: float32[2,17,3,3], %s: float32[17], %b: float32[17], %m: float32[17], %v: float32[17], %d: float32[2,17,3,3]",
			"%y, %dx, %dz", `
  %n = BatchNormalization{training_mode=1}(%x, %s, %b, %m, %v) "norm"
  %z = Add(%n, %x) "sum"
  %y = Relu(%z) "relu"
  %r = onnxrun.PointwiseGrad{of="Relu", result=true}(%d, %y) "relu/back"
  %dn, %ds, %db = onnxrun.BatchNormalizationGrad(%r, %x, %s) "back"
  %dx = Add(%r, %dn) "dx"
  %dz, %us, %ub = onnxrun.BatchNormalizationGrad(%dx, %x, %s) "unread"`},
		{"pool", "%x: float32[2,20,7,8], %d: float32[2,20,4,4]", "%y, %dx", `
  %y = MaxPool{kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,0]}(%x) "pool"
  %dx = onnxrun.MaxPoolGrad{kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,0]}(%d, %x) "back"`},
		{"pool after a rectifier", "%x: float32[2,20,7,8], %d: float32[2,20,3,4]", "%dx, %p", `
  %n, %mean = BatchNormalization{training_mode=1}(%x, %s, %b, %s, %s) "norm"
  %y = MaxPool{kernel_shape=[2,2], strides=[2,2]}(%n) "pool"
  %r = onnxrun.MaxPoolGrad{kernel_shape=[2,2], strides=[2,2]}(%d, %n) "back"
  %p = Transpose{perm=[0,2,3,1]}(%y) "other layout"
  %dx = onnxrun.PointwiseGrad{of="Tanh"}(%r, %x) "tanh"`},
		{"overhanging pool", "%x: float32[1,16,5,5], %d: float32[1,16,3,3]", "%dx", `
  %dx = onnxrun.MaxPoolGrad{kernel_shape=[2,2], strides=[2,2], ceil_mode=1}(%d, %x) "back"`},
		{"average", "%d: float32[2,20,4,4]", "%a, %b", `
  %a = onnxrun.AveragePoolGrad{kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,0]}(%d, %shape) "part"
  %b = onnxrun.AveragePoolGrad{kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,0], count_include_pad=1}(%d, %shape) "whole"`},
		{"average behind a function", "%d: float32[2,20,4,4], %x: float32[2,20,7,8], %s: float32[20]", "%dx, %dz", `
  %n, %mean, %var = BatchNormalization{training_mode=1}(%x, %s, %s, %s, %s) "norm"
  %y = Tanh(%n) "tanh"
  %r = onnxrun.AveragePoolGrad{kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,0]}(%d, %shape) "pool"
  %dx = onnxrun.PointwiseGrad{of="Tanh", result=true}(%r, %y) "back"
  %z = onnxrun.AveragePoolGrad{kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,0]}(%d, %shape) "again"
  %dz = onnxrun.PointwiseGrad{of="Softplus"}(%z, %y) "any function"`},
		{"maximum behind a rectifier", "%d: float32[2,20,3,4], %x: float32[2,20,7,8], %s: float32[20]", "%dx, %p", `
  %n, %mean, %var = BatchNormalization{training_mode=1}(%x, %s, %s, %s, %s) "norm"
  %y = Relu(%n) "relu"
  %p = MaxPool{kernel_shape=[2,2], strides=[2,2]}(%y) "pool"
  %r = onnxrun.MaxPoolGrad{kernel_shape=[2,2], strides=[2,2]}(%d, %y) "pool/back"
  %dx = onnxrun.PointwiseGrad{of="Relu", result=true}(%r, %y) "relu/back"`},
		{"mean", "%d: float32[2,20]", "%y", `
  %e = Neg(%d) "neg"
  %r = Reshape(%e, %column) "column"
  %y = Expand(%r, %shape) "spread"`},
		{"response", "%x: float32[2,20,3,3], %d: float32[2,20,3,3]", "%a, %b", `
  %a = onnxrun.LRNGrad{size=5, alpha=0.5, beta=0.75, bias=2.0}(%d, %x) "common"
  %b = onnxrun.LRNGrad{size=4, alpha=0.5, beta=0.5, bias=1.0}(%d, %x) "rare"`},
		{"functions", "%d: float32[3,37], %x: float32[3,37]", "%a, %b, %c, %e, %f, %g, %h, %i, %j, %k, %l, %m, %n, %o, %p, %q", `
  %y = Tanh(%x) "tanh"
  %s = Sigmoid(%x) "sigmoid"
  %a = onnxrun.PointwiseGrad{of="Tanh", result=true}(%d, %y) "a"
  %b = onnxrun.PointwiseGrad{of="Sigmoid", result=true}(%d, %s) "b"
  %c = onnxrun.PointwiseGrad{of="LeakyRelu", alpha=0.3}(%d, %x) "c"
  %e = onnxrun.PointwiseGrad{of="HardSwish"}(%d, %x) "e"
  %f = onnxrun.PointwiseGrad{of="HardSigmoid"}(%d, %x) "f"
  %g = onnxrun.PointwiseGrad{of="Swish", alpha=1.5}(%d, %x) "g"
  %h = onnxrun.PointwiseGrad{of="Gelu"}(%d, %x) "h"
  %i = onnxrun.PointwiseGrad{of="Gelu", approximate="tanh"}(%d, %x) "i"
  %j = onnxrun.PointwiseGrad{of="Elu", alpha=0.5}(%d, %x) "j"
  %k = onnxrun.PointwiseGrad{of="Exp", result=true}(%d, %s) "k"
  %l = onnxrun.PointwiseGrad{of="Relu", result=true}(%d, %x) "l"
  %m = onnxrun.PointwiseGrad{of="Softplus"}(%d, %x) "m"
  %n = onnxrun.PointwiseGrad{of="Clip", alpha=-0.5, beta=1.0, result=true}(%d, %x) "n"
  %o = onnxrun.PointwiseGrad{of="Clip", result=true}(%d, %x) "o"
  %p = Pow(%x, %t) "p"
  %q = Pow(%x, %u) "q"`},
		{"mask", "%seed: int64[], %step: int64[]", "%y", `
  %y = onnxrun.DropoutMask{stream=3}(%shape, %t, %seed, %step) "mask"`},
		{"sums", "%x: float32[2,20,3,3]", "%a, %b", `
  %a = onnxrun.SumTo(%x, %row) "a"
  %b = onnxrun.SumTo(%x, %last) "b"`},
		{"gradients of one value", "%x: float32[2,20,3,3], %d: float32[2,20,3,3], %s: float32[20]", "%y, %z", `
  %a, %as, %ab = onnxrun.BatchNormalizationGrad(%d, %x, %s) "a"
  %b = onnxrun.PointwiseGrad{of="Tanh", result=true}(%a, %x) "b"
  %c = Reshape(%b, %flat) "flat"
  %z = onnxrun.PointwiseGrad{of="Tanh", result=true}(%c, %c) "c"
  %y = Add(%a, %b) "sum"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			consts := "  %shape: int64[4] = const [2, 20, 7, 8]\n  %column: int64[4] = const [2, 20, 1, 1]\n  %flat: int64[2] = const [2, 180]\n"
			consts += "  %row: int64[3] = const [20, 1, 3]\n  %last: int64[1] = const [3]\n"
			consts += "  %t: float32[] = const 0.75\n  %u: float32[] = const -1.25\n"
			if c.name == "pool after a rectifier" {
				consts += "  %s: float32[20] = const splat(0.5)\n  %b: float32[20] = const splat(0.25)\n"
			}
			compareTraining(t, `graph "g" opset 21 (`+c.inputs+") -> ("+c.outputs+") {\n"+consts+c.nodes+"\n}")
		})
	}
}
