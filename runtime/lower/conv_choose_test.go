package lower

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/internal/kernel"
)

// Convolutions of huge arrays are estimated, though the others of the model are measured.
func TestMeasurable(t *testing.T) {
	spec := func(n int) kernel.BlockedConvSpec {
		plane := []int{224, 224}
		return kernel.BlockedConvSpec{N: n, C: 64, OutC: 64, Spatial: kernel.Spatial{In: plane, Out: plane}}
	}
	require.True(t, measurable(spec(1)))
	require.False(t, measurable(spec(100)), "1.3 GB in, 1.3 GB out")
}

// Weights that are not finite would make NaN of whole tiles.
func TestNoWinogradOfWeightsThatAreNotFinite(t *testing.T) {
	spec := kernel.BlockedConvSpec{N: 1, C: 64, OutC: 64, Group: 1, Spatial: kernel.Spatial{
		In: []int{28, 28}, Out: []int{28, 28}, Kernel: []int{3, 3}, Pads: []int{1, 1}}}
	winograd := func() (n int) {
		for _, c := range convCandidates(spec) {
			if strings.HasPrefix(c.Name, "winograd") {
				n++
			}
		}
		return n
	}
	spec.Weights = make([]float32, 64*64*9)
	require.Equal(t, 2, winograd())
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		spec.Weights[4711] = float32(v)
		require.Zero(t, winograd())
	}
}
