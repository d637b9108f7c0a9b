package compress

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/internal/modelinfo"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/passes"
	"github.com/onnxrun/onnxrun/tensor"
)

// noise is a matrix of random numbers.
func noise(seed uint64, rows, cols int) []float32 {
	rng, m := rand.New(rand.NewPCG(seed, 0)), make([]float32, rows*cols)
	for i := range m {
		m[i] = float32(rng.NormFloat64())
	}
	return m
}

// twoLayers is a layer of full rank and one of rank 4.
func twoLayers(t *testing.T) *ir.Graph {
	low, u, v := make([]float32, 64*64), noise(1, 64, 4), noise(2, 4, 64)
	for i := range 64 {
		for j := range 64 {
			for k := range 4 {
				low[i*64+j] += u[i*4+k] * v[k*64+j]
			}
		}
	}
	g := ir.NewGraph("g")
	g.Opset = ops.Opset
	x, err := g.AddInput("x", ir.Type{DType: tensor.Float32, Shape: ir.Dims(1, 64)})
	require.NoError(t, err)
	for i, w := range [][]float32{noise(3, 64, 64), low} {
		c, err := g.AddConst("", tensor.FromSlice(w, 64, 64))
		require.NoError(t, err)
		n, err := g.Append([]string{"full", "low"}[i], ir.New[ops.Gemm](), []*ir.Value{x, c}, []string{[]string{"a", "b"}[i]})
		require.NoError(t, err)
		x = n.Out(0)
	}
	g.SetOutputs(x)
	return g
}

// The whole is brought to the speed asked for, by the layers that lose least for it.
func TestSpeedup(t *testing.T) {
	opts := Options{With: []string{"bottleneck"}, Speedup: 1.5}
	opts.Approximation.Time = func(g *ir.Graph) (time.Duration, error) {
		c, err := modelinfo.Count(g)
		return time.Duration(c.MACs), err
	}
	_, r, err := Optimize(t.Context(), twoLayers(t), opts)
	require.NoError(t, err)
	rewrites := r.Passes[0].Rewrites
	require.Equal(t, "other layers lose less for the time that they save", rewrites[0].Skipped)
	require.Equal(t, "low", rewrites[1].Node)
	require.Equal(t, []int{4}, rewrites[1].Ranks)
	require.Less(t, rewrites[1].Error, 1e-3)
	require.Equal(t, time.Duration(64*64), rewrites[1].Before)
	require.Equal(t, time.Duration(2*4*64), rewrites[1].After)

	// Time is what is measured: here as long for each Gemm that is there, whatever its size.
	opts.Approximation.Time = func(g *ir.Graph) (time.Duration, error) {
		return time.Duration(len(g.Nodes())) * time.Millisecond, nil
	}
	out, r, err := Optimize(t.Context(), twoLayers(t), opts)
	require.NoError(t, err)
	require.Equal(t, twoLayers(t).String(), out.String())
	require.Contains(t, r.Passes[0].Rewrites[0].Skipped, "it would take 2ms in place of 1ms")

	for _, bad := range []Options{{Speedup: 0.5}, {Speedup: 2, Approximation: passes.Approximation{Choose: speedUp(2)}}} {
		var option *passes.OptionError
		_, _, err := Optimize(t.Context(), twoLayers(t), bad)
		require.ErrorAs(t, err, &option)
	}
}
