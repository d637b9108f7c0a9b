package train_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/train"
)

func TestFreeBatch(t *testing.T) {
	parse := func(text string) *ir.Graph {
		g, err := ir.Parse(text, ops.LookupFused)
		require.NoError(t, err)
		return g
	}
	g := parse(`graph "fixed" opset 17 (%x: float32[1,2,3]) -> (%y) {
  %s: int64[2] = const [1, -1]
  %flat: float32[1,6] = Reshape(%x, %s) "flat"
  %w: float32[6,4] = const splat(0.5)
  %y: float32[1,4] = MatMul(%flat, %w) "fc"
}
`)
	freed, err := train.FreeBatch(g)
	require.NoError(t, err)
	require.True(t, freed)
	require.NoError(t, ir.Verify(g))
	require.Equal(t, "float32[N,4]", g.Outputs()[0].Type().String())
	freed, err = train.FreeBatch(g)
	require.NoError(t, err)
	require.False(t, freed)

	_, err = train.FreeBatch(parse(`graph "mixed" opset 17 (%x: float32[2,2,3]) -> (%y) {
  %s: int64[1] = const [12]
  %y: float32[12] = Reshape(%x, %s) "all"
}
`))
	require.ErrorContains(t, err, `train: input "x": the model takes 2 images and no other number`)
}
