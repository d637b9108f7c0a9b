package teach

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/vision"
)

// layered is two layers, of which the first has a bias.
const layered = `graph "layered" opset 21 (%x: float32[N,4]) -> (%y) {
  %w1: float32[4,4] = const splat(0.3)
  %b1: float32[4] = const splat(0)
  %a = Gemm(%x, %w1, %b1) "fc1"
  %r = Relu(%a) "relu"
  %w2: float32[4,2] = const splat(0.3)
  %y = Gemm(%r, %w2) "fc2"
}`

func parse(t testing.TB, text string) *ir.Graph {
	g, err := ir.Parse(text, ops.Lookup)
	require.NoError(t, err)
	return g
}

func TestRecipeRates(t *testing.T) {
	g := parse(t, layered)
	for _, c := range []struct {
		recipe Recipe
		want   map[string]float64
	}{
		{Recipe{LayerDecay: 0.5}, map[string]float64{"w1": 0.5, "b1": 0.5, "w2": 1}},
		{Recipe{Rates: map[string]float64{"w*": 0.1}}, map[string]float64{"w1": 0.1, "b1": 1, "w2": 0.1}},
		{Recipe{LayerDecay: 0.5, Rates: map[string]float64{"?1": 0}}, map[string]float64{"w1": 0, "b1": 0, "w2": 1}},
		{Recipe{LayerDecay: 0.5, Rates: map[string]float64{"b1": 4}}, map[string]float64{"w1": 0.5, "b1": 2, "w2": 1}},
	} {
		rates, err := c.recipe.rates(g)
		require.NoError(t, err)
		for name, want := range c.want {
			require.InDelta(t, want, rates(name), 1e-12, "%s of %v", name, c.recipe)
		}
	}
	rates, err := (&Recipe{LayerDecay: 1}).rates(g)
	require.NoError(t, err)
	require.Nil(t, rates)
	_, err = (&Recipe{Rates: map[string]float64{"w3": 1}}).rates(g)
	require.EqualError(t, err, `onnxrun: rate of "w3": no parameter has such a name; nearest: "w1", "w2", "b1"`)
}

// Classes that are balanced count alike, and images 1 in the mean.
func TestBalanced(t *testing.T) {
	counts := []int{10, 30, 0}
	w := balanced(counts)
	require.Equal(t, []float32{2, 2.0 / 3, 0}, w)
	require.InDelta(t, 40, 10*w[0]+30*w[1], 1e-5)
}

func TestAutoAugment(t *testing.T) {
	for want, s := range map[string]vision.Spec{
		"rotate:8,affine:0.08/0.1": {Channels: 1, Width: 28, Height: 28},
		"crop:4,flip":              {Channels: 3, Width: 32, Height: 32},
		"resized-crop:0.35-1,flip": {Channels: 3, Width: 224, Height: 224},
	} {
		require.Equal(t, want, AutoAugment(s))
		_, err := vision.ParseAugmentation(want)
		require.NoError(t, err)
	}
}

func TestAdaptErrors(t *testing.T) {
	g := parse(t, layered)
	for want, opts := range map[string]AdaptOptions{
		`onnxrun: -1 layers to restart, expects 0 or more`:                                                {Reinit: -1},
		`train: 4 layers to restart, expects 0 to the model's 2`:                                          {Reinit: 3},
		`onnxrun: node "fc3": not found; nearest: "fc1", "fc2", "relu"`:                                   {Head: "fc3"},
		`train: dropout ratio -0.5, expects at least 0 and less than 1`:                                   {Dropout: -0.5},
		`train: node "fc1" (Gemm): is not the classifier: with 4 outputs there are 2 scores for an image`: {Head: "fc1"},
	} {
		_, _, err := Adapt(t.Context(), g, 3, opts)
		require.EqualError(t, err, want)
	}
	all, _, err := Adapt(t.Context(), g, 3, AdaptOptions{Reinit: ReinitAll})
	require.NoError(t, err)
	require.NotEqual(t, g.Value("w1").Const().Bytes(), all.Value("w1").Const().Bytes())
	require.Equal(t, parse(t, layered).String(), g.String(), "the original stays as it is")
}
