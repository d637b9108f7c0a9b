package runtime

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// requireImplsAgree runs a graph by every implementation and compares with the references of its operators.
func requireImplsAgree(t *testing.T, text string) {
	t.Helper()
	g := varied(parse(t, text))
	shape, _ := g.Inputs()[0].Type().Shape.Ints()
	x := tensor.New(tensor.Float32, shape...)
	vary(x, 0.5)
	for i := range g.Outputs() {
		want := evaluated(t, g.Extract(g.Outputs()[i]), x)
		for _, set := range kernel.Sets() {
			s, err := Compile(t.Context(), g, Options{Threads: 2, Kernels: set.String()})
			require.NoError(t, err)
			defer s.Close()
			got, err := s.Run(context.Background(), x)
			require.NoError(t, err, "%v: %s", set, text)
			requireNear(t, want, got[i])
		}
	}
}

// varied gives the float32 constants of g that have one value everywhere distinct numbers around it, of both signs: else
// channels and taps could change places unseen.
func varied(g *ir.Graph) *ir.Graph {
	for _, v := range g.Values() {
		if c := v.Const(); c != nil && c.DType() == tensor.Float32 && c.Len() > 1 {
			data := tensor.Data[float32](c)
			if !slices.ContainsFunc(data, func(w float32) bool { return w != data[0] }) {
				vary(c, data[0])
			}
		}
	}
	return g
}

// vary fills t with distinct numbers of both signs, from half of size to one and a half.
func vary(t *tensor.Tensor, size float32) {
	for i := range tensor.Data[float32](t) {
		part := math.Mod(float64(i)*math.Phi, 1)
		tensor.Data[float32](t)[i] = size * float32(math.Copysign(0.5+part, math.Mod(float64(i)*math.Sqrt2, 1)-0.5))
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

// Arithmetic with a number and of two values stays in blocks, but where it would fill the padding of the last.
func TestArithmeticOfBlocks(t *testing.T) {
	for _, c := range []struct {
		text string
		pads bool // of channels that do not fill their blocks, too
	}{
		{"Add(%c, %two)", false}, {"Sub(%c, %two)", false}, {"Sub(%c, %zero)", true}, {"Mul(%c, %two)", true}, {"Div(%c, %two)", true},
		{"Pow(%f, %two)", true}, {"Div(%c, %f)", false}, {"Sub(%c, %f)", true}, {"Mul(%c, %f)", true}, {"Add(%c, %f)", true},
	} {
		for _, channels := range []int{32, 21} {
			text := fmt.Sprintf(`graph "g" opset 21 (%%x: float32[2,3,5,5]) -> (%%y) {
  %%w: float32[%d,3,3,3] = const splat(0.01)
  %%two: float32[1,1] = const splat(2.0)
  %%zero: float32[] = const 0.0
  %%e = Conv{pads=[1, 1, 1, 1]}(%%x, %%w) "e"
  %%c = Relu(%%e) "c"
  %%f = Tanh(%%c) "f"
  %%a = %s "a"
  %%y = MaxPool{kernel_shape=[2, 2]}(%%a) "y"
}`, channels, c.text)
			requireImplsAgree(t, text)
			s := compileText(t, text, Options{})
			_, err := s.Run(context.Background(), tensor.New(tensor.Float32, 2, 3, 5, 5))
			require.NoError(t, err)
			if !s.set.Has(kernel.FamilyTile) {
				continue
			}
			blocked := !slices.ContainsFunc(s.plans[0].steps, func(st step) bool { return st.Algorithm == "from blocked" && st.Node().Name == "a" })
			require.Equal(t, c.pads || channels == 32, blocked, "%s of %d channels", c.text, channels)
		}
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

// Activations that do not keep zero, of channels that do not fill their blocks.
func TestActivationsOfPaddedChannels(t *testing.T) {
	for _, act := range []string{"Sigmoid(%r)", "HardSigmoid(%r)", "Clip(%r, %one, %six)"} {
		text := `graph "g" opset 21 (%x: float32[2,17,5,5]) -> (%y) {
  %w: float32[21,17,3,3] = const splat(0.01)
  %d: float32[21,1,3,3] = const splat(0.1)
  %v: float32[9,21,1,1] = const splat(-0.1)
  %one: float32[] = const 1.0
  %six: float32[] = const 6.0
  %c = Conv{pads=[1, 1, 1, 1]}(%x, %w) "c"
  %a = ` + strings.ReplaceAll(act, "%r", "%c") + ` "a"
  %e = Conv{pads=[1, 1, 1, 1], group=21}(%a, %d) "d"
  %b = ` + strings.ReplaceAll(act, "%r", "%e") + ` "b"
  %r = Conv(%b, %v) "e"
  %y = ` + act + ` "y"
}`
		requireImplsAgree(t, text)
		s := compileText(t, text, Options{})
		_, err := s.Run(context.Background(), tensor.New(tensor.Float32, 2, 17, 5, 5))
		require.NoError(t, err)
		if !s.set.Has(kernel.FamilyTile) {
			continue
		}
		var steps []string
		for _, st := range s.plans[0].steps {
			steps = append(steps, st.Algorithm)
		}
		require.Equal(t, []string{
			"to blocked", "direct", "from blocked", "activation", "to blocked", "depthwise", "from blocked", "activation", "to blocked",
			"pointwise", "from blocked", "activation",
		}, steps, act)
	}
}

// What lies between taps that are far apart is not copied, however far a file says that they are.
func TestConvOfFarTaps(t *testing.T) {
	for _, channels := range []int{1, 17} {
		for _, far := range []int{1 << 20, 1 << 28} {
			requireImplsAgree(t, fmt.Sprintf(`graph "g" opset 21 (%%x: float32[1,%d,4,4]) -> (%%y) {
  %%w: float32[16,%d,2,2] = const splat(0.5)
  %%y = Conv{dilations=[%d, %d], pads=[%d, %d, %d, %d]}(%%x, %%w) "c"
}`, channels, channels, far, far, far/2, far/2, far/2, far/2))
		}
	}
}
