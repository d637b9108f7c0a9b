package train

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// A Dropout stays in a model that is taught, whatever stands behind it: the losses of different seeds differ.
func TestDropoutBeforeOtherShapes(t *testing.T) {
	for _, behind := range []string{"Reshape(%d, %minus)", "Reshape(%d, %zero)", "Flatten(%d)", "Squeeze(%d, %axes)"} {
		g, err := ir.Parse(`graph "g" opset 21 (%x: float32[N,6,1,1]) -> (%y) {
  %r: float32[] = const 0.5
  %w: float32[2,6] = const [1,2,3,4,5,6,-1,-2,-3,-4,-5,7]
  %minus: int64[2] = const [-1,6]
  %zero: int64[2] = const [0,6]
  %axes: int64[2] = const [2,3]
  %d = Dropout(%x, %r) "drop"
  %e = `+behind+` "shape"
  %y = Gemm{transB=1}(%e, %w) "fc"
}`, ops.Lookup)
		require.NoError(t, err)
		losses := map[float64]bool{}
		for seed := range uint64(4) {
			trainer, err := New(t.Context(), g, Options{Seed: seed + 1})
			require.NoError(t, err)
			batch := map[string]*tensor.Tensor{}
			for _, f := range trainer.Feeds() {
				batch[f] = tensor.FromSlice([]float32{1, 0, 0, 1}, 2, 2)
			}
			batch["x"] = tensor.FromSlice([]float32{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, 2, 6, 1, 1)
			result, err := trainer.Step(t.Context(), 0, batch)
			require.NoError(t, err)
			losses[result.Loss] = true
		}
		require.Greater(t, len(losses), 1, behind)
	}
}
