package conformance

import (
	"context"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/passes"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/zoo"
)

// Whatever prefix of the table of passes is applied, a model computes the same. ONNXRUN_LONG=1 takes ten models, else it
// is four. A prefix whose last pass changes nothing is left out: it gives the graph of the one before.
func TestPrefixes(t *testing.T) {
	names := []string{"lenet5", "squeezenet1_1", "shufflenet_v2", "mobilenet_v2"}
	if os.Getenv("ONNXRUN_LONG") != "" {
		names = append(names, "efficientnet_b0", "googlenet", "resnet18", "densenet121", "convnext_tiny", "vit_b_16")
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			g, err := zoo.Build(name, zoo.Options{})
			require.NoError(t, err)
			x := g.Inputs()[0]
			typ := x.Type()
			typ.Shape[0] = ir.Known(1)
			require.NoError(t, g.SetInputType(x, typ))
			require.NoError(t, g.InferAll())
			stats, err := passes.Optimize(t.Context(), g.Clone(), passes.Options{Level: passes.O2})
			require.NoError(t, err)

			in := noise(typ.Shape)
			want := outputs(t, g, in, -1)
			for i, s := range stats {
				if s.Hits == 0 {
					continue
				}
				for o, got := range outputs(t, g, in, i+1) {
					_, err := Compare(got, want[o], DefaultTolerance)
					require.NoError(t, err, "after %s", s.Pass)
				}
			}
		})
	}
}

// outputs runs a graph after the first passes of -O2; -1 stands for none.
func outputs(t *testing.T, g *ir.Graph, in *tensor.Tensor, stopAfter int) []*tensor.Tensor {
	s, err := runtime.Compile(t.Context(), g, runtime.Options{Passes: &passes.Options{Level: passes.O2, StopAfter: stopAfter}})
	require.NoError(t, err)
	defer s.Close()
	out, err := s.Run(context.Background(), in)
	require.NoError(t, err)
	return out
}

func noise(shape ir.Shape) *tensor.Tensor {
	sizes, _ := shape.Ints()
	x, rng := tensor.New(tensor.Float32, sizes...), rand.New(rand.NewPCG(1, 2))
	for i := range tensor.Data[float32](x) {
		tensor.Data[float32](x)[i] = float32(rng.NormFloat64())
	}
	return x
}
