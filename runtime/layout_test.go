package runtime

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/tensor"
)

// requireImplsAgree runs a graph by every implementation and compares with the references of its operators.
func requireImplsAgree(t *testing.T, text string) {
	t.Helper()
	g := parse(t, text)
	shape, _ := g.Inputs()[0].Type().Shape.Ints()
	x := tensor.New(tensor.Float32, shape...)
	for i := range tensor.Data[float32](x) {
		tensor.Data[float32](x)[i] = float32(i%7) / 8
	}
	for i := range g.Outputs() {
		want := evaluated(t, g.Extract(g.Outputs()[i]), x)
		for _, impl := range kernel.Impls() {
			s, err := Compile(g, Options{Threads: 2, Kernels: impl.String()})
			require.NoError(t, err)
			defer s.Close()
			got, err := s.Run(context.Background(), x)
			require.NoError(t, err, "%v: %s", impl, text)
			requireNear(t, want, got[i])
		}
	}
}

// An input whose blocked layout is its plain one is read by other names, too.
func TestInputsOfOnePixel(t *testing.T) {
	for i, text := range []string{`(%x: float32[1,16,1,1]) -> (%y, %f) {
  %w: float32[16,16,1,1] = const splat(0.5)
  %y = Conv(%x, %w) "c"
  %f = Flatten(%x) "f"
}`, `(%x: float32[3,16,1,1]) -> (%y, %f) {
  %w: float32[16,16,1,1] = const splat(0.5)
  %y = Conv(%x, %w) "c"
  %f = Transpose{perm=[0, 2, 3, 1]}(%x) "f"
}`, `(%x: float32[8,1,1,32]) -> (%y, %f) {
  %w: float32[32,32] = const splat(0.5)
  %y = MatMul(%x, %w) "m"
  %f = Transpose{perm=[0, 3, 1, 2]}(%x) "f"
}`, `(%x: float32[1,1,96]) -> (%y, %f) {
  %y = onnxrun.FusedAttention{heads=2, scale=0.25}(%x) "a"
  %f = Flatten(%x) "f"
}`, `(%x: float32[1,16,1,1]) -> (%z) {
  %w: float32[16,16,1,1] = const splat(0.5)
  %y = Conv(%x, %w) "c"
  %f = Flatten(%x) "f"
  %s = Softmax(%f) "s"
  %z = Add(%s, %y) "a"
}`} {
		t.Run(fmt.Sprint(i), func(t *testing.T) { requireImplsAgree(t, `graph "g" opset 21 `+text) })
	}
}

// A convolution of no channels is its bias.
func TestConvOfNoChannels(t *testing.T) {
	requireImplsAgree(t, `graph "g" opset 21 (%x: float32[1,0,3,3]) -> (%y) {
  %w: float32[16,0,3,3] = const splat(0.0)
  %b: float32[16] = const splat(0.5)
  %y = Conv(%x, %w, %b) "c"
}`)
}
