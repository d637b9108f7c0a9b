package ops

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/onnxrun/onnxrun/ir"
)

func TestWindowResolve(t *testing.T) {
	for _, c := range []struct {
		name       string
		s          sliding
		in, kernel int
		out        int
		begin, end int
	}{
		{"plain", sliding{autoPad: "NOTSET"}, 5, 3, 3, 0, 0},
		{"stride leaves a rest", sliding{autoPad: "NOTSET", strides: []int{2}}, 6, 3, 2, 0, 0},
		{"ceil takes the rest", sliding{autoPad: "NOTSET", strides: []int{2}, ceil: true}, 6, 3, 3, 0, 0},
		{"ceil without a rest", sliding{autoPad: "NOTSET", strides: []int{2}, ceil: true}, 7, 3, 3, 0, 0},
		{"ceil must start inside", sliding{autoPad: "NOTSET", strides: []int{3}, pads: []int{1, 1}, ceil: true}, 2, 3, 1, 1, 1},
		{"ceil may start on the last element", sliding{autoPad: "NOTSET", strides: []int{3}, pads: []int{0, 1}, ceil: true}, 4, 3, 2, 0, 1},
		{"dilation", sliding{autoPad: "NOTSET", dilations: []int{3}, pads: []int{1, 0}}, 6, 2, 4, 1, 0},
		{"same upper", sliding{autoPad: "SAME_UPPER", strides: []int{2}}, 5, 4, 3, 1, 2},
		{"same lower", sliding{autoPad: "SAME_LOWER", strides: []int{2}}, 5, 4, 3, 2, 1},
		{"same lower dilated", sliding{autoPad: "SAME_LOWER", dilations: []int{3}}, 6, 2, 6, 2, 1},
		{"same without need", sliding{autoPad: "SAME_UPPER", strides: []int{3}}, 6, 2, 2, 0, 0},
		{"same with its own pads", sliding{autoPad: "SAME_UPPER", pads: []int{1, 1}}, 5, 3, 5, 1, 1},
		{"valid", sliding{autoPad: "VALID", pads: []int{0, 0}}, 5, 3, 3, 0, 0},
	} {
		w, err := c.s.resolve([]int{c.in}, []int{c.kernel})
		require.NoError(t, err, c.name)
		require.Equal(t, []int{c.out, c.begin, c.end}, []int{w.Out[0], w.PadBegin[0], w.PadEnd[0]}, c.name)
	}
}

func TestWindowRefuses(t *testing.T) {
	for _, c := range []struct {
		s          sliding
		in, kernel []int
		err        string
	}{
		{sliding{}, []int{5}, []int{3}, `attribute "auto_pad": unsupported value ""`},
		{sliding{autoPad: "NOTSET", strides: []int{0}}, []int{5}, []int{3}, `attribute "strides": unsupported value [0]`},
		{sliding{autoPad: "NOTSET", strides: []int{1, 1}}, []int{5}, []int{3}, `attribute "strides": has 2 values, expects 1`},
		{sliding{autoPad: "NOTSET", dilations: []int{1 << 40}}, []int{5}, []int{3}, `attribute "dilations": unsupported value`},
		{sliding{autoPad: "NOTSET", pads: []int{-1, 0}}, []int{5}, []int{3}, `attribute "pads": unsupported value [-1 0]`},
		{sliding{autoPad: "NOTSET"}, []int{5}, []int{0}, `attribute "kernel_shape": unsupported size 0`},
		{sliding{autoPad: "NOTSET"}, []int{5}, []int{3, 3}, `attribute "kernel_shape": has 2 values, expects 1`},
		{sliding{autoPad: "NOTSET"}, []int{2}, []int{3}, "does not fit"},
		{sliding{autoPad: "VALID", pads: []int{1, 1}}, []int{5}, []int{3}, "contradicts auto_pad VALID"},
		{sliding{autoPad: "SAME_UPPER", pads: []int{2, 0}}, []int{5}, []int{3}, "contradicts auto_pad SAME_UPPER"},
	} {
		_, err := c.s.resolve(c.in, c.kernel)
		require.ErrorContains(t, err, c.err)
	}
}

func drawSliding(t *rapid.T, rank int) sliding {
	list := func(name string, n, from, to int) []int {
		return rapid.SliceOfN(rapid.IntRange(from, to), n, n).Draw(t, name)
	}
	s := sliding{autoPad: rapid.SampledFrom([]string{"NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"}).Draw(t, "auto_pad"),
		strides: list("strides", rank, 1, 4), dilations: list("dilations", rank, 1, 3), ceil: rapid.Bool().Draw(t, "ceil")}
	if s.autoPad == "NOTSET" {
		s.pads = list("pads", 2*rank, 0, 3)
	}
	return s
}

// The taps of a window are those of the definition: every kernel element that falls inside, in order.
func TestWindowEach(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSliding(t, 2)
		in := rapid.SliceOfN(rapid.IntRange(1, 7), 2, 2).Draw(t, "in")
		kernel := rapid.SliceOfN(rapid.IntRange(1, 4), 2, 2).Draw(t, "kernel")
		w, err := s.resolve(in, kernel)
		if err != nil {
			t.Skip(err)
		}
		padded := w.padded()
		next := 0
		w.each(new(ir.EvalCtx), func(pos int, taps []tap) {
			require.Equal(t, next, pos)
			next++
			want, count := []tap{}, 0
			for ky := range kernel[0] {
				for kx := range kernel[1] {
					y := pos/w.Out[1]*w.Stride[0] - w.PadBegin[0] + ky*w.Dilation[0]
					x := pos%w.Out[1]*w.Stride[1] - w.PadBegin[1] + kx*w.Dilation[1]
					if y >= 0 && y < in[0] && x >= 0 && x < in[1] {
						want = append(want, tap{ky*kernel[1] + kx, y*in[1] + x})
					}
					if y < in[0]+w.PadEnd[0] && x < in[1]+w.PadEnd[1] {
						count++
					}
				}
			}
			require.Equal(t, want, append([]tap{}, taps...))
			require.Equal(t, count, padded[pos])
		})
		require.Equal(t, product(w.Out), next)
	})
}

// What is said of a symbolic size holds for every size.
func TestWindowSymbolic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSliding(t, 1)
		kernel := rapid.IntRange(1, 4).Draw(t, "kernel")
		factor := rapid.IntRange(1, 4).Draw(t, "factor")
		out, err := s.infer(ir.Shape{{N: factor, Sym: "n"}}, ir.Dims(kernel))
		require.NoError(t, err)
		for n := 1; n < 6 && !out[0].IsUnknown(); n++ {
			w, err := s.resolve([]int{factor * n}, []int{kernel})
			if err != nil {
				continue
			}
			require.Equal(t, out[0].N*n, w.Out[0])
		}
	})
	out, err := sliding{autoPad: "NOTSET", pads: []int{1, 1}}.infer(ir.Shape{ir.Symbol("n")}, ir.Dims(3))
	require.NoError(t, err)
	require.Equal(t, ir.Shape{ir.Symbol("n")}, out)
	out, err = sliding{autoPad: "NOTSET", strides: []int{2}}.infer(ir.Shape{{N: 2, Sym: "n"}}, ir.Dims(2))
	require.NoError(t, err)
	require.Equal(t, ir.Shape{ir.Symbol("n")}, out)
}
