package runtime

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/tensor"
)

// One NaN or infinity in an image reaches, by every road, just what it reaches by the reference, as the same.
func TestWhatIsNotFiniteStaysInItsPlace(t *testing.T) {
	const convs = `graph "g" opset 21 (%x: float32[1,32,17,18]) -> (%y) {
  %w: float32[48,32,3,3] = const splat(0.01)
  %b: float32[48] = const splat(-1.25)
  %v: float32[48,48,3,3] = const splat(-0.005)
  %f: float32[48,32,1,1] = const splat(0.03)
  %c = Conv{pads=[1, 1, 1, 1]}(%x, %w, %b) "c"
  %p = Conv(%x, %f) "p"
`
	for _, rest := range []string{
		`%y = Identity(%c) "y"`, `%y = Relu(%c) "y"`, `%y = HardSwish(%c) "y"`, `%y = Sigmoid(%c) "y"`, `%y = Tanh(%c) "y"`, `%y = LeakyRelu(%c) "y"`,
		`%d = Add(%c, %p) "d"
  %y = Relu(%d) "y"`,
		`%r = Relu(%c) "r"
  %y = MaxPool{kernel_shape=[3, 3], strides=[2, 2]}(%r) "y"`,
		`%r = Relu(%p) "r"
  %y = AveragePool{kernel_shape=[2, 2], strides=[2, 2]}(%r) "y"`,
		`%r = Relu(%c) "r"
  %d = Conv{pads=[1, 1, 1, 1]}(%r, %v) "d"
  %e = Add(%d, %r) "e"
  %y = Relu(%e) "y"`,
		`%lo: float32[] = const splat(0)
  %hi: float32[] = const splat(6)
  %y = Clip(%p, %lo, %hi) "y"`,
		`%y = Max(%p, %c) "y"`, `%s: float32[48,1,1] = const splat(0.1)
  %y = PRelu(%p, %s) "y"`,
		`%y = Softmax{axis=1}(%p) "y"`, `%y = Softmax(%c) "y"`, `%y = ReduceMax(%p) "y"`, `%y = GlobalMaxPool(%c) "y"`, `%y = GlobalAveragePool(%c) "y"`,
	} {
		g := varied(parse(t, convs+"  "+rest+"\n}"))
		for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			x := tensor.New(tensor.Float32, 1, 32, 17, 18)
			vary(x, 0.5)
			tensor.Data[float32](x)[(5*17+8)*18+9] = float32(v)
			want := tensor.Data[float32](evaluated(t, g, x))
			for _, set := range kernel.Sets() {
				for _, strict := range []bool{false, true} {
					s, err := Compile(t.Context(), g, Options{Threads: 2, Kernels: set.String(), Strict: strict})
					require.NoError(t, err)
					out, err := s.Run(t.Context(), x)
					s.Close()
					require.NoError(t, err)
					for i, got := range tensor.Data[float32](out[0]) {
						w := float64(want[i])
						if (w-w != 0 || got-got != 0) && fmt.Sprint(want[i]) != fmt.Sprint(got) || math.Abs(w-float64(got)) > 1e-4*max(1, math.Abs(w)) {
							require.Failf(t, "another result", "%v, strict %v: %v: %s: element %d: %v, want %v", set, strict, v, rest, i, got, want[i])
						}
					}
				}
			}
		}
	}
}
