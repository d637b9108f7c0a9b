package runtime

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/tensor"
)

// Weights that come with the Run are packed by one step; algorithms for them can be measured, too.
func TestWeightsOfTheRun(t *testing.T) {
	g := parse(t, `graph "g" opset 21 (%x: float32[2,20,12,12], %w: float32[40,20,3,3], %b: float32[40]) -> (%y) {
  %c = Conv{pads=[1, 1, 1, 1]}(%x, %w, %b) "c"
  %y = Relu(%c) "r"
}`)
	in := make([]*tensor.Tensor, 3)
	for k, v := range g.Inputs() {
		in[k] = tensor.New(tensor.Float32, sizes(v)...)
		for i := range tensor.Data[float32](in[k]) {
			tensor.Data[float32](in[k])[i] = float32((i+k)%7-3) / 8
		}
	}
	reference, err := Compile(t.Context(), g, Options{Kernels: kernel.Sets()[0].String()})
	require.NoError(t, err)
	defer reference.Close()
	want, err := reference.Run(context.Background(), in...)
	require.NoError(t, err)
	for _, dir := range []string{"", t.TempDir()} {
		s, err := Compile(t.Context(), g, Options{Threads: 2, Tune: dir})
		require.NoError(t, err)
		defer s.Close()
		for range 2 {
			got, err := s.Run(context.Background(), in...)
			require.NoError(t, err)
			requireNear(t, want[0], got[0])
		}
		if !s.set.Has(kernel.FamilyTile) {
			continue
		}
		packs := 0
		for _, st := range s.plans[0].steps {
			if st.Algorithm == "pack weights" {
				packs++
			}
		}
		require.Equal(t, 1, packs)
		out := make([]*tensor.Tensor, 1)
		require.NoError(t, s.RunInto(context.Background(), in, out))
		require.Zero(t, testing.AllocsPerRun(5, func() {
			if s.RunInto(context.Background(), in, out) != nil {
				t.Fatal("failed")
			}
		}))
	}
}
