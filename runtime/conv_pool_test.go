package runtime

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/tensor"
)

// A convolution takes on the MaxPool behind it where nothing else reads its result, which is large.
func TestConvTakesPool(t *testing.T) {
	const pair = `graph "g" opset 21 (%x: float32[1,3,75,73]) -> (%y) {
  %w: float32[64,3,3,3] = const splat(0.1)
  %b: float32[64] = const splat(-1.25)
  %c = Conv{pads=[1, 1, 1, 1]}(%x, %w, %b) "c"
  %a = Relu(%c) "a"
  %y = MaxPool{kernel_shape=[3, 3], strides=[2, 2], pads=[1, 0, 0, 1], ceil_mode=1}(%a) "p"
}`
	for name, c := range map[string]struct {
		change []string // old, new, …
		steps  string
	}{
		"pair":          {nil, "direct-plain+pool"},
		"no activation": {[]string{"Relu(%c)", "Identity(%c)"}, "direct-plain+pool"},
		"batch":         {[]string{"[1,3,", "[2,3,"}, "direct-plain+pool"},
		"a reader":      {[]string{"-> (%y)", "-> (%y, %z)", "\n}", "\n  %z = Neg(%a) \"z\"\n}"}, "direct-plain pool kernel"},
		"an output":     {[]string{"-> (%y)", "-> (%y, %a)"}, "direct-plain pool"},
		"indices":       {[]string{"%y = Max", "%y, %i = Max"}, "direct-plain reference"},
		"small":         {[]string{"75,73", "21,22"}, "direct-plain pool"},
		"a residual": {[]string{"%a = Relu(%c)", "%v: float32[64,3,1,1] = const splat(0.1)\n  %d = Conv(%x, %v) \"d\"\n  %a = Add(%c, %d)"},
			"direct-plain direct-plain pool"},
		"padded channels": {[]string{"[64", "[61"}, "direct-plain+pool"},
		"an activation of padding": {[]string{"[64", "[61", "Relu", "Sigmoid"},
			"direct-plain activation kernel"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.NewReplacer(c.change...).Replace(pair)
			requireImplsAgree(t, text)
			s := compileText(t, text, Options{Threads: 1})
			if !s.set.Has(kernel.FamilyTile) {
				return
			}
			shape, _ := s.graph.Inputs()[0].Type().Shape.Ints()
			_, err := s.Run(context.Background(), tensor.New(tensor.Float32, shape...))
			require.NoError(t, err)
			var steps []string
			for _, st := range s.plans[0].steps {
				if !strings.HasPrefix(st.Algorithm, "to ") && !strings.HasPrefix(st.Algorithm, "from ") {
					steps = append(steps, st.Algorithm)
				}
			}
			require.Equal(t, c.steps, strings.Join(steps, " "))
		})
	}
}
