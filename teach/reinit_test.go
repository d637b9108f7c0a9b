package teach_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/teach"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/train"
)

// The architecture of a taught model with all weights made afresh, as from scratch.
func TestAdaptRestartsAll(t *testing.T) {
	m, err := importer.Open("../testdata/lenet5.onnx")
	require.NoError(t, err)
	g, notes, err := teach.Adapt(t.Context(), m, 3, teach.AdaptOptions{Reinit: teach.ReinitAll, Seed: 1})
	require.NoError(t, err)
	require.Len(t, notes, 2)
	for _, p := range train.Parameters(m) {
		fresh := g.Value(p.Name()).Const()
		if p.Const().Rank() == 1 { // a bias
			require.Equal(t, make([]float32, fresh.Len()), tensor.Data[float32](fresh), p.Name())
		} else {
			require.False(t, fresh.Equal(p.Const()), p.Name())
		}
	}
	_, _, err = teach.Adapt(t.Context(), m, 3, teach.AdaptOptions{Reinit: 5})
	require.EqualError(t, err, "train: 6 layers to restart, expects 0 to the model's 5")
}
