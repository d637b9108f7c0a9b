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
			s, err := Compile(g, Options{Threads: threads, Kernels: kernels, Passes: &passes.Options{Level: passes.O0}})
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
				require.NotEqual(t, "reference", st.algorithm, "%s (%s) has a lowering", st.node.Name, st.node.OpName())
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
		s, err := Compile(g, Options{Kernels: kernels, InPlace: map[string]string{"w2": "w", "v2": "v"}})
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
		_, err := Compile(parse(t, c.text), Options{InPlace: map[string]string{c.out: c.in}})
		require.ErrorContains(t, err, c.err)
	}
	// An operator without a kernel for its element type is written in place, too.
	g := parse(t, `graph "g" opset 21 (%w: float64[2], %dw: float64[2], %rate: float64[]) -> (%w2) {
  %w2 = onnxrun.Momentum(%w, %dw, %rate) "update"
}`)
	s, err := Compile(g, Options{InPlace: map[string]string{"w2": "w"}})
	require.NoError(t, err)
	defer s.Close()
	w := tensor.FromSlice([]float64{1, 2}, 2)
	_, err = s.Run(context.Background(), w, tensor.FromSlice([]float64{10, 20}, 2), tensor.Scalar(0.1))
	require.NoError(t, err)
	require.InDeltaSlice(t, []float64{0, 0}, tensor.Data[float64](w), 1e-6)
}
