package kernel

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMeasureLimits(t *testing.T) {
	for _, set := range Sets() {
		l := MeasureLimits(set, 1)
		t.Logf("%v: %.1f GFLOP/s, %.1f GB/s", set, l.FLOPS/1e9, l.Bandwidth/1e9)
		require.Greater(t, l.FLOPS, 1e8)
		require.Greater(t, l.Bandwidth, 1e8)
	}
}
