package passes

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// run computes a graph's outputs by the operators' references.
func run(t require.TestingT, g *ir.Graph, inputs []*tensor.Tensor) []*tensor.Tensor {
	vals := map[*ir.Value]*tensor.Tensor{}
	for i, v := range g.Inputs() {
		vals[v] = inputs[i]
	}
	get := func(v *ir.Value) *tensor.Tensor {
		if v == nil {
			return nil
		}
		if v.Const() != nil {
			return v.Const()
		}
		return vals[v]
	}
	for _, n := range g.Nodes() {
		in := make([]*tensor.Tensor, len(n.Inputs()))
		for i, v := range n.Inputs() {
			in[i] = get(v)
		}
		out, err := ir.Eval(context.Background(), n, in, ir.Host{})
		require.NoError(t, err, n.Name)
		for i, v := range n.Outputs() {
			vals[v] = out[i]
		}
	}
	var outputs []*tensor.Tensor
	for _, v := range g.Outputs() {
		outputs = append(outputs, get(v))
	}
	return outputs
}

// random fills a graph's inputs, and its constants where they are all zero, which is how a test's text gives weights: by
// distinct numbers of both signs, none of them near 0. Variances are positive.
func random(g *ir.Graph) (inputs []*tensor.Tensor) {
	rng := rand.New(rand.NewPCG(1, 2))
	fill := func(t *tensor.Tensor) {
		for i := range tensor.Data[float32](t) {
			v := rng.Float32() + 0.25
			if rng.IntN(2) == 0 {
				v = -v
			}
			tensor.Data[float32](t)[i] = v
		}
	}
	for _, v := range g.Inputs() {
		shape, _ := v.Type().Shape.Ints()
		t := tensor.New(tensor.Float32, shape...)
		fill(t)
		inputs = append(inputs, t)
	}
	for _, v := range g.Values() {
		c := v.Const()
		if c == nil || c.DType() != tensor.Float32 || c.Len() < 2 || slices.ContainsFunc(floats(v), func(v float32) bool { return v != 0 }) {
			continue
		}
		fill(c)
		if isVariance(v) {
			for i, v := range floats(v) {
				tensor.Data[float32](c)[i] = max(v, -v)
			}
		}
	}
	return inputs
}

// isVariance reports whether a BatchNormalization reads v as one.
func isVariance(v *ir.Value) bool {
	return slices.ContainsFunc(v.Uses(), func(u ir.Use) bool {
		_, norm := u.Node.Op.(*ops.BatchNormalization)
		return norm && u.Index == 4
	})
}

func print(t *testing.T, g *ir.Graph) string {
	var b strings.Builder
	require.NoError(t, ir.Print(&b, g, ir.PrintOptions{}))
	return b.String()
}

func TestForInference(t *testing.T) {
	const conv = `graph "g" opset 21 (%x: float32[1,2,5,5]) -> (%y) {
  %w: float32[3,2,3,3] = const splat(0.0)
  %b: float32[3] = const splat(0.0)
  %s: float32[3] = const splat(0.0)
  %mean: float32[3] = const splat(0.0)
  %var: float32[3] = const splat(0.0)
  %w2: float32[3,3,1,1] = const splat(0.0)
  %k: float32[3,1,1] = const splat(0.0)
  %k2: float32[3,1,1] = const splat(0.0)
  %one: float32[] = const 1
  %six: float32[] = const 6
  %zero: float32[] = const 0
`
	const linear = `graph "g" opset 21 (%x: float32[2,4,6]) -> (%y) {
  %w: float32[6,6] = const splat(0.0)
  %b: float32[6] = const splat(0.0)
  %c: float32[6] = const splat(0.0)
  %half: float32[] = const 0.5
  %one: float32[] = const 1
  %two: float32[] = const 2
  %root: float32[] = const 1.4142135
  %eps: float32[] = const 0.00001
  %last: int64[1] = const [-1]
`
	for name, c := range map[string]struct {
		text string
		left []string
	}{
		"batch norm": {conv + `  %a = Conv(%x, %w) "a"
  %y = BatchNormalization(%a, %s, %b, %mean, %var) "bn"
}`, []string{"Conv"}},
		"batch norm of a value used twice": {conv + `  %a = Conv(%x, %w) "a"
  %n = BatchNormalization(%a, %s, %b, %mean, %var) "bn"
  %y = Mul(%n, %a) "m"
}`, []string{"Conv", "BatchNormalization", "Mul"}},
		"batch norm of an output": {`graph "g" opset 21 (%x: float32[1,2,5,5]) -> (%y, %a) {
  %w: float32[3,2,3,3] = const splat(0.0)
  %s: float32[3] = const splat(0.0)
  %b: float32[3] = const splat(0.0)
  %mean: float32[3] = const splat(0.0)
  %var: float32[3] = const splat(0.0)
  %a = Conv(%x, %w) "a"
  %y = BatchNormalization(%a, %s, %b, %mean, %var) "bn"
}`, []string{"Conv", "BatchNormalization"}},
		"scale and shift": {conv + `  %a = Conv(%x, %w, %b) "a"
  %m = Mul(%k, %a) "m"
  %y = Add(%m, %k2) "y"
}`, []string{"Conv"}},
		"scale along another axis": {`graph "g" opset 21 (%x: float32[1,2,5,5]) -> (%y) {
  %w: float32[5,2,3,3] = const splat(0.0)
  %k: float32[3] = const splat(0.0)
  %a = Conv(%x, %w) "a"
  %y = Mul(%a, %k) "y"
}`, []string{"Conv", "Mul"}},
		"relu": {conv + `  %a = Conv(%x, %w) "a"
  %y = Relu(%a) "y"
}`, []string{"onnxrun.FusedConv"}},
		"clip": {conv + `  %a = Conv(%x, %w) "a"
  %y = Clip(%a, %zero, %six) "y"
}`, []string{"onnxrun.FusedConv"}},
		"residual": {conv + `  %a = Conv(%x, %w) "a"
  %r = Conv(%a, %w2) "r"
  %z = Add(%r, %a) "z"
  %y = Relu(%z) "y"
}`, []string{"Conv", "onnxrun.FusedConv"}},
		"residual that broadcasts": {`graph "g" opset 21 (%x: float32[1,2,5,5], %r: float32[1,3,1,1]) -> (%y) {
  %w: float32[3,2,3,3] = const splat(0.0)
  %a = Conv(%x, %w) "a"
  %y = Add(%a, %r) "y"
}`, []string{"Conv", "Add"}},
		"residual after an activation": {conv + `  %a = Conv(%x, %w) "a"
  %c = Conv(%a, %w2) "c"
  %r = Relu(%c) "r"
  %y = Add(%r, %a) "y"
}`, []string{"Conv", "onnxrun.FusedConv", "Add"}},
		"silu": {conv + `  %a = Conv(%x, %w) "a"
  %s1 = Sigmoid(%a) "s1"
  %y = Mul(%a, %s1) "y"
}`, []string{"onnxrun.FusedConv"}},
		"sigmoid used twice": {conv + `  %a = Conv(%x, %w) "a"
  %s1 = Sigmoid(%a) "s1"
  %m = Mul(%a, %s1) "m"
  %y = Add(%m, %s1) "y"
}`, []string{"Conv", "Sigmoid", "Mul", "Add"}},
		"matmul, bias, gelu": {linear + `  %a = MatMul(%x, %w) "a"
  %l = Add(%b, %a) "l"
  %d = Div(%l, %root) "d"
  %e = Erf(%d) "e"
  %p = Add(%e, %one) "p"
  %m = Mul(%l, %p) "m"
  %y = Mul(%m, %half) "y"
}`, []string{"onnxrun.FusedLinear"}},
		"not gelu": {linear + `  %d = Div(%x, %two) "d"
  %e = Erf(%d) "e"
  %p = Add(%e, %one) "p"
  %m = Mul(%x, %p) "m"
  %y = Mul(%m, %half) "y"
}`, []string{"Div", "Erf", "Add", "Mul", "Mul"}},
		"layer norm": {linear + `  %mean = ReduceMean(%x, %last) "mean"
  %d = Sub(%x, %mean) "d"
  %q = Pow(%d, %two) "q"
  %v = ReduceMean(%q, %last) "v"
  %ve = Add(%v, %eps) "ve"
  %r = Sqrt(%ve) "r"
  %n = Div(%d, %r) "n"
  %m = Mul(%n, %c) "m"
  %y = Add(%m, %b) "y"
}`, []string{"LayerNormalization"}},
		"layer scale through a transpose, residual": {linear + `  %a = MatMul(%x, %w) "a"
  %l = Add(%a, %b) "l"
  %m = Mul(%c, %l) "m"
  %y = Add(%x, %m) "y"
}`, []string{"onnxrun.FusedLinear"}},
		"scale downstream of a transpose": {`graph "g" opset 21 (%x: float32[1,4,5,6]) -> (%y) {
  %w: float32[6,3] = const splat(0.0)
  %k: float32[3,1,1] = const splat(0.0)
  %a = MatMul(%x, %w) "a"
  %t = Transpose{perm=[0,3,1,2]}(%a) "t"
  %y = Mul(%k, %t) "y"
}`, []string{"onnxrun.FusedLinear", "Transpose"}},
		"gemm": {`graph "g" opset 21 (%x: float32[4,6]) -> (%y) {
  %w: float32[3,6] = const splat(0.0)
  %b: float32[3] = const splat(0.0)
  %a = Gemm{transB=1}(%x, %w, %b) "a"
  %y = Relu(%a) "y"
}`, []string{"onnxrun.FusedLinear"}},
		"gemm with alpha": {`graph "g" opset 21 (%x: float32[4,6]) -> (%y) {
  %w: float32[3,6] = const splat(0.0)
  %y = Gemm{alpha=2.0, transB=1}(%x, %w) "a"
}`, []string{"Gemm"}},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := ir.Parse(c.text, ops.LookupFused)
			require.NoError(t, err)
			in := random(g)
			want := run(t, g, in)
			_, err = Optimize(t.Context(), g, Options{Level: O2})
			require.NoError(t, err)
			require.NoError(t, ir.Verify(g))
			names := []string{}
			for _, n := range g.Nodes() {
				names = append(names, n.OpName())
			}
			require.Equal(t, c.left, names)
			for i, got := range run(t, g, in) {
				require.InDeltaSlice(t, tensor.Data[float32](want[i]), tensor.Data[float32](got), 1e-4)
			}
			again, err := ir.Parse(print(t, g), ops.LookupFused)
			require.NoError(t, err, "the text form reads back")
			require.Equal(t, print(t, g), print(t, again))
		})
	}
}
