package compress

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/passes"
	"github.com/onnxrun/onnxrun/tensor"
)

// The steps are printed once, for the inputs that there are; where the shape is open it is said that they are not looked at.
func TestWatchSteps(t *testing.T) {
	g, err := ir.Parse(`graph "g" opset 21 (%x: float32[N,C]) -> (%y) {
  %y: float32[N,C] = Erf(%x) "y"
}`, ops.Lookup)
	require.NoError(t, err)
	for _, verified := range []bool{true, false} {
		var out bytes.Buffer
		debug, err := passes.ParseDebug("check,lower/dump", &out)
		require.NoError(t, err)
		opts := Options{Level: passes.O2, Debug: debug}
		if verified {
			opts.Verify = [][]*tensor.Tensor{{tensor.New(tensor.Float32, 3, 5)}}
		}
		_, r, err := Optimize(context.Background(), g, opts)
		require.NoError(t, err)
		if verified {
			require.Equal(t, 1, strings.Count(out.String(), "# lowered\n"))
			require.Contains(t, out.String(), "x:plain[3,5]")
			require.Empty(t, r.Notes)
		} else {
			require.Empty(t, out.String())
			require.Len(t, r.Notes, 1)
			require.Contains(t, r.Notes[0], "the steps are not looked at")
		}
	}
}
