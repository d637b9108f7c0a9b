package modelinfo

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

func parse(t testing.TB, text string) *ir.Graph {
	g, err := ir.Parse(text, ops.Lookup)
	require.NoError(t, err)
	return g
}

func TestRandomInputs(t *testing.T) {
	g := parse(t, `graph "g" (%x: float32[N,2], %n: int64[3], %h: float16[2]) -> (%x) {}`)
	in, err := RandomInputs(g.Inputs(), 4, nil, 1)
	require.NoError(t, err)
	require.Equal(t, []int{4, 2}, in[0].Shape())
	require.NotZero(t, tensor.Data[float32](in[0])[0])
	require.Equal(t, []int64{0, 0, 0}, tensor.Data[int64](in[1]))
	require.Equal(t, tensor.Float16, in[2].DType())
	open := parse(t, `graph "g" (%x: float32[1,H]) -> (%x) {}`)
	_, err = RandomInputs(open.Inputs(), 1, nil, 1)
	require.ErrorContains(t, err, "give its shape")
	in, err = RandomInputs(open.Inputs(), 1, map[string][]int{"x": {1, 5}}, 1)
	require.NoError(t, err)
	require.Equal(t, []int{1, 5}, in[0].Shape())
	_, err = RandomInputs(open.Inputs(), 1, map[string][]int{"z": {1}}, 1)
	require.ErrorContains(t, err, "no such input")
}
