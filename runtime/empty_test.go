package runtime

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/passes"
	"github.com/onnxrun/onnxrun/tensor"
)

// A value without elements has neither a step nor memory, however large its other dimensions.
func TestValuesWithoutElementsAreNotComputed(t *testing.T) {
	s := compileText(t, `graph "empty" (%x: float32[N,M]) -> (%y, %z) {
  %y: float32[M,N] = Transpose(%x) "transpose"
  %z: float32[M,N] = Relu(%y) "relu"
}`, Options{Passes: &passes.Options{Level: passes.O0}})
	x := tensor.New(tensor.Float32, 1<<40, 0)
	out, err := s.Run(t.Context(), x)
	require.NoError(t, err)
	require.Equal(t, []int{0, 1 << 40}, out[0].Shape())
	require.Equal(t, []int{0, 1 << 40}, out[1].Shape())
	require.Empty(t, s.plans[0].steps)
	require.Zero(t, s.plans[0].prog.Arena)
}

// What is made of nothing may be large: then it is refused before there is memory for it, whether its size is known when the
// plan is made or not.
func TestWhatIsMadeOfNothingIsBounded(t *testing.T) {
	for i, text := range []string{
		`graph "sum" (%x: float32[N,M]) -> (%y) {
  %axes: int64[1] = const [1]
  %y: float32[N,1] = ReduceSum(%x, %axes) "node"
}`,
		`graph "sum" (%x: float32[N,M], %axes: int64[K]) -> (%y) {
  %y: float32[?,?] = ReduceSum(%x, %axes) "node"
}`,
	} {
		s := compileText(t, text, Options{})
		in := []*tensor.Tensor{tensor.New(tensor.Float32, 1<<40, 0), tensor.Vector[int64](1)}[:1+i]
		_, err := s.Run(t.Context(), in...)
		var limit *MemoryError
		require.True(t, errors.As(err, &limit), "%v", err)
		require.GreaterOrEqual(t, limit.Need, 1<<42)
	}
}

// An evaluation's working memory counts, not its result alone.
func TestWorkingMemoryCounts(t *testing.T) {
	g := parse(t, `graph "resize" (%x: float32[1,1,1,4096]) -> (%y) {
  %none: float32[0] = const []
  %scales: float32[4] = const [1, 1, 1048576, 0.001]
  %y: float32[1,1,1048576,4] = Resize{mode="linear"}(%x, %none, %scales) "node"
}`)
	n := g.Nodes()[0]
	in := []*tensor.Tensor{tensor.New(tensor.Float32, 1, 1, 1, 4096), tensor.New(tensor.Float32, 0), tensor.Vector[float32](1, 1, 1<<20, 0.001)}
	_, err := ir.Eval(context.Background(), n, in, ir.Host{})
	var limit *ir.MemoryError
	require.True(t, errors.As(err, &limit), "%v", err)
}

// Kernels see no value without elements, whatever operand it is.
func TestEmptyOperandsGoToTheReference(t *testing.T) {
	for _, op := range []string{"MatMul", "Add"} {
		g := ir.NewGraph("g")
		a, _ := g.AddInput("a", ir.Type{DType: tensor.Float32, Shape: ir.Dims(3, 0)})
		b, _ := g.AddInput("b", ir.Type{DType: tensor.Float32, Shape: ir.Dims(0, 2)})
		if op == "Add" {
			b, _ = g.AddInput("c", ir.Type{DType: tensor.Float32, Shape: ir.Dims(1, 1)})
		}
		n, err := g.Append("node", ops.Lookup("", op).New(), []*ir.Value{a, b}, []string{"y"})
		require.NoError(t, err)
		g.SetOutputs(n.Outputs()...)
		s, err := Compile(t.Context(), g, Options{})
		require.NoError(t, err)
		var in []*tensor.Tensor
		for _, v := range g.Inputs() {
			shape, _ := v.Type().Shape.Ints()
			in = append(in, tensor.New(tensor.Float32, shape...))
		}
		out, err := s.Run(t.Context(), in...)
		require.NoError(t, err)
		want, _ := n.Out(0).Type().Shape.Ints()
		require.Equal(t, tensor.New(tensor.Float32, want...).Bytes(), out[0].Bytes())
		s.Close()
	}
}
