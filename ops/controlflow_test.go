package ops

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// runGraph runs a graph, and the bodies in it, node by node.

func runGraph(ctx context.Context, g *ir.Graph, in []*tensor.Tensor) ([]*tensor.Tensor, error) {
	env := map[*ir.Value]*tensor.Tensor{}
	for i, v := range g.Inputs() {
		env[v] = in[i]
	}
	get := func(v *ir.Value) *tensor.Tensor {
		if v != nil && v.Const() != nil {
			return v.Const()
		}
		return env[v]
	}
	for _, n := range g.Nodes() {
		args := make([]*tensor.Tensor, len(n.Inputs()))
		for i, v := range n.Inputs() {
			args[i] = get(v)
		}
		out, err := ir.Eval(ctx, n, args, ir.Host{Run: runGraph})
		if err != nil {
			return nil, err
		}
		for i, v := range n.Outputs() {
			env[v] = out[i]
		}
	}
	out := make([]*tensor.Tensor, len(g.Outputs()))
	for i, v := range g.Outputs() {
		out[i] = get(v)
	}
	return out, nil
}

// runText runs a graph in text form.
func runText(t *testing.T, text string, in ...*tensor.Tensor) ([]*tensor.Tensor, error) {
	t.Helper()
	g, err := ir.Parse(text, Lookup)
	require.NoError(t, err)
	require.NoError(t, ir.Verify(g))
	return runGraph(context.Background(), g, in)
}

const ifText = `graph "g" opset 21 (%c: bool[1], %x: float32[2]) -> (%y) {
  %y: float32[2] = If{
    then_branch=graph "then" (%a: float32[2]) -> (%s) { %s: float32[2] = Neg(%a) "neg" },
    else_branch=graph "else" (%a: float32[2]) -> (%s) { %s: float32[2] = Add(%a, %a) "add" }
  }(%c, %x) "if"
}`

func TestIf(t *testing.T) {
	for cond, want := range map[bool][]float32{true: {-1, -2}, false: {2, 4}} {
		out, err := runText(t, ifText, tensor.Vector(cond), tensor.Vector[float32](1, 2))
		require.NoError(t, err)
		require.Equal(t, want, tensor.Data[float32](out[0]))
	}
}

// The body adds x to what it carries, stops when that reaches a bound, and hands out every sum.
const loopText = `graph "g" opset 21 (%m: int64[], %x: float32[]) -> (%last, %all) {
  %zero: float32[] = const 0.0
  %last: float32[], %all: float32[?] = Loop{
    body=graph "body" (%i: int64[], %go: bool[], %sum: float32[], %step: float32[]) -> (%more, %next, %next) {
      %bound: float32[] = const 5.0
      %next: float32[] = Add(%sum, %step) "add"
      %more: bool[] = Less(%next, %bound) "less"
    }, captures=1
  }(%m, _, %zero, %x) "loop"
}`

func TestLoop(t *testing.T) {
	for _, c := range []struct {
		m    int64
		want []float32
	}{{0, []float32{}}, {2, []float32{2, 4}}, {100, []float32{2, 4, 6}}} {
		out, err := runText(t, loopText, tensor.Scalar(c.m), tensor.Scalar[float32](2))
		require.NoError(t, err)
		require.Equal(t, c.want, tensor.Data[float32](out[1]))
		last := float32(0)
		if len(c.want) > 0 {
			last = c.want[len(c.want)-1]
		}
		require.Equal(t, last, tensor.Data[float32](out[0])[0])
	}
}

func TestLoopHonoursContext(t *testing.T) {
	g, err := ir.Parse(loopText, Lookup)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = runGraph(ctx, g, []*tensor.Tensor{tensor.Scalar[int64](1 << 60), tensor.Scalar[float32](0)})
	require.ErrorIs(t, err, context.Canceled)
}

// Running sums, forwards and backwards.
func TestScan(t *testing.T) {
	const text = `graph "g" opset 21 (%s: float32[2], %x: float32[3,2]) -> (%last, %all) {
  %last: float32[2], %all: float32[3,2] = Scan{
    body=graph "body" (%sum: float32[2], %row: float32[2]) -> (%next, %next) { %next: float32[2] = Add(%sum, %row) "add" },
    num_scan_inputs=1ATTRS
  }(%s, %x) "scan"
}`
	x := tensor.FromSlice([]float32{1, 2, 3, 4, 5, 6}, 3, 2)
	for attrs, want := range map[string][]float32{
		"": {1, 2, 4, 6, 9, 12}, ", scan_input_directions=[1]": {5, 6, 8, 10, 9, 12}, ", scan_output_directions=[1]": {9, 12, 4, 6, 1, 2},
	} {
		out, err := runText(t, replaceOnce(text, "ATTRS", attrs), tensor.New(tensor.Float32, 2), x)
		require.NoError(t, err)
		require.Equal(t, []float32{9, 12}, tensor.Data[float32](out[0]))
		require.Equal(t, want, tensor.Data[float32](out[1]))
	}
}

func replaceOnce(s, old, new string) string {
	for i := 0; i+len(old) <= len(s); i++ {
		if s[i:i+len(old)] == old {
			return s[:i] + new + s[i+len(old):]
		}
	}
	return s
}

func TestBodiesThatDoNotFit(t *testing.T) {
	for want, text := range map[string]string{
		`body "then" has 1 inputs, the node gives it 0`: replaceOnce(ifText, "(%c, %x)", "(%c)"),
		`of which it captures 7`:                        replaceOnce(loopText, "captures=1", "captures=7"),
	} {
		_, err := ir.Parse(text, Lookup)
		require.ErrorContains(t, err, want)
	}
}
