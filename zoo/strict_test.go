package zoo

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
)

// The scores of every network, however computed, are within 1e-4 of those of plain Go (or of the strict algorithms),
// relative to the greatest.
func TestAlgorithmsAgree(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			g, err := Build(name, Options{Seed: 5})
			require.NoError(t, err)
			scores := g.Outputs()[0].Def().In(0).Name()
			x := tensor.New(tensor.Float32, 1, published[name].image[0], published[name].image[1], published[name].image[2])
			rng := rand.New(rand.NewPCG(1, 2))
			for i := range tensor.Data[float32](x) {
				tensor.Data[float32](x)[i] = rng.Float32()*2 - 1
			}
			run := func(opts runtime.Options) []float32 {
				opts.Outputs = []string{scores}
				s, err := runtime.Compile(t.Context(), g, opts)
				require.NoError(t, err)
				defer s.Close()
				out, err := s.Run(context.Background(), x)
				require.NoError(t, err)
				return tensor.Data[float32](out[0])
			}
			kernels := runtime.Kernels()
			reference := runtime.Options{Kernels: "generic"}
			if name == "vgg16" || name == "vit_b_16" { // seconds in plain Go
				reference = runtime.Options{Strict: true}
			}
			want := run(reference)
			greatest := 0.0
			for _, v := range want {
				greatest = max(greatest, math.Abs(float64(v)))
			}
			require.Greater(t, greatest, 0.0)
			for _, k := range kernels[1:] {
				for _, strict := range []bool{false, true} {
					for i, v := range run(runtime.Options{Kernels: k, Strict: strict}) {
						require.InDelta(t, want[i], v, 1e-4*greatest, "%s, strict %v", k, strict)
					}
				}
			}
		})
	}
}
