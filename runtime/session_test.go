package runtime

import (
	"context"
	goruntime "runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// parse reads a graph from its text form.
func parse(t testing.TB, text string) *ir.Graph {
	t.Helper()
	g, err := ir.Parse(text, ops.LookupFused)
	require.NoError(t, err)
	return g
}

const small = `graph "small" opset 17 (%x: float32[N,1,3]) -> (%y, %r) {
  %axes: int64[1] = const [1]
  %r: float32[N,1,3] = Relu(%x) "relu"
  %y: float32[N,3] = Squeeze(%r, %axes) "squeeze"
}`

func compileText(t testing.TB, text string, opts Options) *Session {
	t.Helper()
	s, err := Compile(t.Context(), parse(t, text), opts)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

func TestRun(t *testing.T) {
	s := compileText(t, small, Options{})
	for _, batch := range []int{1, 2, 5, 0, 2} {
		x := tensor.New(tensor.Float32, batch, 1, 3)
		for i := range tensor.Data[float32](x) {
			tensor.Data[float32](x)[i] = float32(i) - 2
		}
		out, err := s.Run(context.Background(), x)
		require.NoError(t, err)
		require.Equal(t, []int{batch, 3}, out[0].Shape())
		for i, v := range tensor.Data[float32](out[0]) {
			require.Equal(t, max(float32(i)-2, 0), v)
		}
		require.Equal(t, tensor.Data[float32](out[0]), tensor.Data[float32](out[1]))
	}
}

func TestRunComputesOnlyTheOutputsAskedFor(t *testing.T) {
	s := compileText(t, small, Options{Outputs: []string{"r"}})
	require.Len(t, s.graph.Nodes(), 1)
	out, err := s.RunNamed(context.Background(), map[string]*tensor.Tensor{"x": tensor.New(tensor.Float32, 1, 1, 3)})
	require.NoError(t, err)
	require.Contains(t, out, "r")
	_, err = Compile(t.Context(), parse(t, small), Options{Outputs: []string{"relo"}})
	require.ErrorContains(t, err, `runtime: value "relo": not found; nearest: "r",`)
}

func TestRunRefusesWrongInputs(t *testing.T) {
	s := compileText(t, small, Options{})
	ctx := context.Background()
	for want, in := range map[string][]*tensor.Tensor{
		`runtime: input "x": is missing, expects float32[N,1,3]`:         nil,
		`runtime: input "x": float32[1 2 3] does not fit float32[N,1,3]`: {tensor.New(tensor.Float32, 1, 2, 3)},
		`runtime: input "x": float64[1 1 3] does not fit float32[N,1,3]`: {tensor.New(tensor.Float64, 1, 1, 3)},
		`runtime: input "x": float32[3] does not fit float32[N,1,3]`:     {tensor.New(tensor.Float32, 3)},
		`runtime: 2 inputs given, the graph has 1: "x"`:                  {tensor.New(tensor.Float32, 1, 1, 3), tensor.New(tensor.Float32)},
	} {
		_, err := s.Run(ctx, in...)
		require.EqualError(t, err, want)
	}
	_, err := s.RunNamed(ctx, map[string]*tensor.Tensor{"z": tensor.New(tensor.Float32, 1, 1, 3)})
	require.ErrorContains(t, err, `runtime: input "z": not found`)
}

func TestRunHonoursContext(t *testing.T) {
	s := compileText(t, small, Options{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := s.Run(ctx, tensor.New(tensor.Float32, 1, 1, 3))
	require.ErrorIs(t, err, context.Canceled)
}

func TestMemoryLimit(t *testing.T) {
	s := compileText(t, small, Options{MaxMemory: 1000})
	_, err := s.Run(context.Background(), tensor.New(tensor.Float32, 100, 1, 3))
	var mem *MemoryError
	require.ErrorAs(t, err, &mem)
	_, err = s.Run(context.Background(), tensor.New(tensor.Float32, 10, 1, 3))
	require.NoError(t, err)
}

func TestPlansAreBounded(t *testing.T) {
	s := compileText(t, small, Options{})
	for batch := range 3 * maxPlans {
		_, err := s.Run(context.Background(), tensor.New(tensor.Float32, batch+1, 1, 3))
		require.NoError(t, err)
	}
	require.Len(t, s.plans, maxPlans)
}

// A caller that hands the results back in gets them overwritten.
func TestRunIntoReusesResults(t *testing.T) {
	s := compileText(t, small, Options{})
	in := []*tensor.Tensor{tensor.New(tensor.Float32, 1, 1, 3)}
	out := make([]*tensor.Tensor, 2)
	require.NoError(t, s.RunInto(context.Background(), in, out))
	first := out[0]
	require.NoError(t, s.RunInto(context.Background(), in, out))
	require.Same(t, first, out[0])
}

// Plans, and sessions with common Weights, have one packed copy of the same weights.
func TestWeightsArePackedOnce(t *testing.T) {
	text := `graph "g" opset 21 (%x: float32[N,16,H,W]) -> (%y) {
  %w: float32[32,16,3,3] = const splat(0.5)
  %y = Conv{pads=[1, 1, 1, 1]}(%x, %w) "c"
}`
	weights := &Weights{}
	g := parse(t, text)
	var bytes []int
	for range 2 {
		s, err := Compile(t.Context(), g, Options{Weights: weights, Threads: 2})
		require.NoError(t, err)
		t.Cleanup(s.Close)
		for _, n := range []int{4, 5, 6} { // by the same algorithm
			_, err := s.Run(context.Background(), tensor.New(tensor.Float32, n, 16, 16, 16))
			require.NoError(t, err)
			bytes = append(bytes, weights.packs.Bytes())
		}
		require.Len(t, s.plans, 3)
		goruntime.KeepAlive(s)
	}
	require.Positive(t, bytes[0])
	for _, n := range bytes {
		require.Equal(t, bytes[0], n)
	}
}
