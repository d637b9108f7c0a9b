package runtime

import (
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
