package initial

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// The first numbers are the same on every machine, and the distribution is uniform.
func TestUniform(t *testing.T) {
	x := make([]float32, 100000)
	Uniform(x, 0, "conv1.weight", 2)
	require.Equal(t, []float32{-0.39074302, 1.8017492, 0.8775432, 0.39743423}, x[:4])
	var sum, squares float64
	for _, v := range x {
		sum += float64(v)
		squares += float64(v) * float64(v)
	}
	require.InDelta(t, 0, sum/float64(len(x)), 0.02)
	require.InDelta(t, 4./3, squares/float64(len(x)), 0.02)
	require.GreaterOrEqual(t, slices.Min(x), float32(-2))
	require.Less(t, slices.Max(x), float32(2))
	y := make([]float32, 1)
	Uniform(y, 0, "conv2.weight", 2)
	require.NotEqual(t, x[0], y[0])
}
