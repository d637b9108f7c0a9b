package passes

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

func TestAverageToConv(t *testing.T) {
	for name, c := range map[string]struct{ shape, pool, left string }{
		"plain":                  {"N,3,8,6", "AveragePool{kernel_shape=[2, 2], strides=[2, 2]}(%x)", "%y = Conv{group=3, kernel_shape=[2, 2], strides=[2, 2]}(%x, %pool.weight)"},
		"unknown size":           {"N,3,H,W", "AveragePool{kernel_shape=[2, 3]}(%x)", "%y = Conv{group=3, kernel_shape=[2, 3]}(%x, %pool.weight)"},
		"valid, of unknown size": {"N,3,H,W", `AveragePool{auto_pad="VALID", kernel_shape=[2, 3]}(%x)`, "%y = Conv{group=3, kernel_shape=[2, 3]}(%x, %pool.weight)"},
		"padded and counted":     {"N,3,8,6", "AveragePool{count_include_pad=1, kernel_shape=[3, 3], pads=[1, 1, 1, 1]}(%x)", "%y = Conv{group=3, kernel_shape=[3, 3], pads=[1, 1, 1, 1]}(%x, %pool.weight)"},
		"dilated":                {"N,3,8,6", "AveragePool{dilations=[2, 1], kernel_shape=[2, 3]}(%x)", "%y = Conv{dilations=[2, 1], group=3, kernel_shape=[2, 3]}(%x, %pool.weight)"},
		"pads that are not used": {"N,3,8,5", "AveragePool{kernel_shape=[2, 2], pads=[0, 0, 1, 0], strides=[2, 2]}(%x)", "%y = Conv{group=3, kernel_shape=[2, 2], pads=[0, 0, 1, 0], strides=[2, 2]}(%x, %pool.weight)"},
		"same, divided evenly":   {"N,3,8,6", `AveragePool{auto_pad="SAME_UPPER", kernel_shape=[2, 2], strides=[2, 2]}(%x)`, "%y = Conv{group=3, kernel_shape=[2, 2], pads=[0, 0, 0, 0], strides=[2, 2]}(%x, %pool.weight)"},
		"ceil that changes not":  {"N,3,8,6", "AveragePool{ceil_mode=1, kernel_shape=[2, 2], strides=[2, 2]}(%x)", "%y = Conv{group=3, kernel_shape=[2, 2], strides=[2, 2]}(%x, %pool.weight)"},
		"one dimension":          {"N,3,8", "AveragePool{kernel_shape=[4]}(%x)", "%y = Conv{group=3, kernel_shape=[4]}(%x, %pool.weight)"},
		"global":                 {"N,3,8,6", "GlobalAveragePool(%x)", "%y = Conv{group=3, kernel_shape=[8, 6]}(%x, %pool.weight)"},

		"padded":                   {"N,3,8,6", "AveragePool{kernel_shape=[3, 3], pads=[1, 1, 1, 1]}(%x)", ""},
		"padded, of unknown size":  {"N,3,H,W", "AveragePool{kernel_shape=[3, 3], pads=[1, 1, 1, 1]}(%x)", ""},
		"hangs over":               {"N,3,7,6", "AveragePool{ceil_mode=1, kernel_shape=[2, 2], strides=[2, 2]}(%x)", ""},
		"hangs over pads":          {"N,3,6,6", "AveragePool{ceil_mode=1, count_include_pad=1, kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[3, 3]}(%x)", ""},
		"may hang over":            {"N,3,H,W", "AveragePool{ceil_mode=1, kernel_shape=[2, 2], strides=[2, 2]}(%x)", ""},
		"same of unknown size":     {"N,3,H,W", `AveragePool{auto_pad="SAME_LOWER", kernel_shape=[2, 2], strides=[2, 2]}(%x)`, ""},
		"same, padded":             {"N,3,7,6", `AveragePool{auto_pad="SAME_UPPER", kernel_shape=[2, 2], strides=[2, 2]}(%x)`, ""},
		"global of unknown size":   {"N,3,H,6", "GlobalAveragePool(%x)", ""},
		"unknown channels":         {"N,C,8,6", "GlobalAveragePool(%x)", ""},
		"maximum":                  {"N,3,8,6", "MaxPool{kernel_shape=[2, 2]}(%x)", "none"},
		"global maximum":           {"N,3,8,6", "GlobalMaxPool(%x)", "none"},
		"pool that is not average": {"N,3,8,6", "LpPool{kernel_shape=[2, 2]}(%x)", "none"},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := ir.Parse(`graph "g" opset 21 (%x: float32[`+c.shape+`]) -> (%y) {
  %y = `+c.pool+` "pool"
}`, ops.Lookup)
			require.NoError(t, err)
			shape := []int{2, 3, 8, 6}[:len(g.Inputs()[0].Type().Shape)]
			for i, d := range g.Inputs()[0].Type().Shape {
				if d.IsKnown() {
					shape[i] = d.N
				}
			}
			in := []*tensor.Tensor{noise(1, shape...)}
			want, before := run(t, g, in)[0], nodesOf(t, g)
			ctx := &Context{Graph: g}
			require.NoError(t, averageToConv(ctx))
			require.NoError(t, ir.Verify(g))
			switch c.left {
			case "", "none":
				require.Equal(t, before, nodesOf(t, g))
				require.Len(t, ctx.misses, map[string]int{"": 1, "none": 0}[c.left])
			default:
				require.Equal(t, []string{c.left}, nodesOf(t, g))
				require.Len(t, ctx.rewrites, 1)
				if name == "plain" {
					require.Equal(t, Rewrite{Node: "pool", Form: FormAverage, MACsAfter: 3 * 4 * 3 * 2 * 2}, ctx.rewrites[0])
				}
				require.InDeltaSlice(t, tensor.Data[float32](want), tensor.Data[float32](run(t, g, in)[0]), 1e-5)
			}
		})
	}
}

// Whatever the pooling is, what becomes of it computes the same.
func TestAverageToConvRandom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string, lo, hi int) int { return rapid.IntRange(lo, hi).Draw(t, name) }
		g := ir.NewGraph("g")
		shape := []int{2, draw("channels", 1, 3), draw("height", 5, 9), draw("width", 5, 9)}
		x, err := g.AddInput("x", ir.Type{DType: tensor.Float32, Shape: ir.Dims(shape...)})
		require.NoError(t, err)
		op := ir.New[ops.AveragePool]()
		op.KernelShape = []int{draw("kh", 2, 3), draw("kw", 2, 3)}
		op.Strides = []int{draw("sy", 1, 3), draw("sx", 1, 3)}
		op.CeilMode, op.CountIncludePad = rapid.Bool().Draw(t, "ceil"), rapid.Bool().Draw(t, "include")
		op.Pads = []int{draw("top", 0, 1), draw("left", 0, 1), draw("bottom", 0, 1), draw("right", 0, 1)}
		n, err := g.Append("pool", op, []*ir.Value{x}, []string{"y"})
		require.NoError(t, err)
		g.SetOutputs(n.Out(0))
		in := []*tensor.Tensor{noise(1, shape...)}
		want := run(t, g, in)[0]
		require.NoError(t, averageToConv(&Context{Graph: g}))
		require.NoError(t, ir.Verify(g))
		require.InDeltaSlice(t, tensor.Data[float32](want), tensor.Data[float32](run(t, g, in)[0]), 1e-5)
	})
}

// graphOf parses the graph of a convolution and what follows; %y is its output.
func graphOf(t *testing.T, conv, rest string) *ir.Graph {
	g, err := ir.Parse(`graph "g" opset 21 (%x: float32[N,4,16,15]) -> (%y) {
  %w: float32[6,4,3,3] = const splat(0.0)
  %s: float32[6] = const splat(2.0)
  %a = `+conv+` "conv"
`+rest+`
}`, ops.Lookup)
	require.NoError(t, err)
	rw := ir.NewRewriter(g)
	require.NoError(t, rw.SetInput(g.Nodes()[0], 1, rw.Const("w", noise(4, 6, 4, 3, 3))))
	require.NoError(t, rw.Done())
	return g
}

func TestPoolByStride(t *testing.T) {
	for name, c := range map[string]struct {
		conv, rest string
		left       []string
		skipped    string
	}{
		"behind an activation": {"Conv{pads=[1, 1, 1, 1]}(%x, %w)", "  %r = Relu(%a) \"relu\"\n  %y = MaxPool{kernel_shape=[2, 2], strides=[2, 2]}(%r) \"pool\"",
			[]string{"%a = Conv{pads=[1, 1, 0, 0], strides=[2, 2]}(%x, %w_1)", "%y = Relu(%a)"}, ""},
		"at once": {"Conv{pads=[0, 0, 0, 1]}(%x, %w)", `  %y = MaxPool{kernel_shape=[2, 2], strides=[2, 2]}(%a) "pool"`,
			[]string{"%y = Conv{pads=[0, 0, 0, 0], strides=[2, 2]}(%x, %w_1)"}, ""},
		"the middle of three": {"Conv{pads=[1, 1, 1, 1]}(%x, %w)", `  %y = MaxPool{kernel_shape=[3, 3], strides=[2, 2]}(%a) "pool"`,
			[]string{"%y = Conv{pads=[0, 0, 0, 0], strides=[2, 2]}(%x, %w_1)"}, ""},
		"padded pooling": {"Conv{pads=[1, 1, 1, 1], strides=[2, 2]}(%x, %w)", `  %y = MaxPool{kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2]}(%a) "pool"`,
			[]string{"%y = Conv{pads=[1, 1, 0, 0], strides=[4, 4]}(%x, %w_1)"}, ""},
		"through a normalization": {"Conv{pads=[0, 0, 0, 1]}(%x, %w)", "  %n = LRN{size=3}(%a) \"norm\"\n  %y = MaxPool{kernel_shape=[2, 2], strides=[2, 2]}(%n) \"pool\"",
			[]string{"%a = Conv{pads=[0, 0, 0, 0], strides=[2, 2]}(%x, %w_1)", "%y = LRN{size=3}(%a)"}, ""},
		"batch normalization": {"Conv{pads=[0, 0, 0, 1]}(%x, %w)", "  %n = BatchNormalization(%a, %s, %s, %s, %s) \"norm\"\n  %y = MaxPool{kernel_shape=[2, 2], strides=[2, 2]}(%n) \"pool\"",
			[]string{"%y = Conv{pads=[0, 0, 0, 0], strides=[2, 2]}(%x, %w_1_1, %conv.bias)"}, ""},

		"one output too many": {"Conv(%x, %w)", `  %y = MaxPool{kernel_shape=[2, 2], strides=[2, 2]}(%a) "pool"`, nil, "no padding of the convolution before it gives the same size"},
		"read twice":          {"Conv(%x, %w)", "  %p = MaxPool{kernel_shape=[3, 3]}(%a) \"pool\"\n  %q = GlobalMaxPool(%a) \"q\"\n  %y = Add(%p, %q) \"y\"", nil, "read elsewhere"},
		"a sum":               {"Conv(%x, %w)", "  %b = Add(%a, %a) \"sum\"\n  %y = MaxPool{kernel_shape=[3, 3]}(%b) \"pool\"", nil, "there is a Add between"},
		"a mixing softmax":    {"Conv(%x, %w)", "  %b = Softmax(%a) \"soft\"\n  %y = MaxPool{kernel_shape=[3, 3]}(%b) \"pool\"", nil, "there is a Softmax between"},
		"indices":             {"Conv(%x, %w)", "  %p, %i = MaxPool{kernel_shape=[3, 3]}(%a) \"pool\"\n  %f = Cast{to=float32}(%i) \"cast\"\n  %y = Add(%p, %f) \"y\"", nil, "its indices are read"},
	} {
		t.Run(name, func(t *testing.T) {
			g := graphOf(t, c.conv, c.rest)
			shape, before := g.Outputs()[0].Type().Shape, nodesOf(t, g)
			ctx := &Context{Graph: g, Approximation: &Approximation{Pool: "stride"}}
			require.NoError(t, poolToConv(ctx))
			require.NoError(t, ir.Verify(g))
			require.Len(t, ctx.rewrites, 1)
			require.Equal(t, "pool", ctx.rewrites[0].Node)
			if c.skipped != "" {
				require.Equal(t, before, nodesOf(t, g))
				require.Contains(t, ctx.rewrites[0].Skipped, c.skipped)
				return
			}
			require.Equal(t, c.left, nodesOf(t, g))
			require.Equal(t, shape, g.Outputs()[0].Type().Shape)
			require.Equal(t, "conv", g.Nodes()[0].Name)
			require.Equal(t, "stride", ctx.rewrites[0].Form)
			require.Positive(t, ctx.rewrites[0].MACsAfter)
			require.Less(t, ctx.rewrites[0].MACsAfter, ctx.rewrites[0].MACsBefore)
		})
	}
}

// What the stride gives is the value at one position of each window.
func TestPoolByStridePicksOne(t *testing.T) {
	g := graphOf(t, "Conv{pads=[1, 1, 1, 1]}(%x, %w)", "  %r = Relu(%a) \"relu\"\n  %y = MaxPool{kernel_shape=[2, 2], strides=[2, 2]}(%r) \"pool\"")
	in := []*tensor.Tensor{noise(1, 2, 4, 16, 15)}
	full := run(t, g.Extract(g.Value("r")), in)[0]
	require.NoError(t, poolToConv(&Context{Graph: g}))
	got := run(t, g, in)[0]
	require.Equal(t, []int{2, 6, 8, 7}, got.Shape())
	for i, v := range tensor.Data[float32](got) {
		plane, p := i/56, i%56
		require.InDelta(t, tensor.Data[float32](full)[plane*240+p/7*2*15+p%7*2], v, 1e-4)
	}
}

func TestPoolByConv(t *testing.T) {
	const conv, rest = "Conv{pads=[1, 1, 1, 1]}(%x, %w)", "  %r = Relu(%a) \"relu\"\n  %y = MaxPool{kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1}(%r) \"pool\""
	images, fresh := smooth(1, 16, 4, 16, 15), smooth(2, 16, 4, 16, 15)
	errs := map[string]float64{}
	for _, way := range []string{"stride", "conv", "best"} {
		g := graphOf(t, conv, rest)
		shape := g.Outputs()[0].Type().Shape
		want := run(t, g, []*tensor.Tensor{fresh})[0]
		c := &Context{Graph: g, Approximation: approximation(t, Approximation{Pool: way}, images)}
		require.NoError(t, poolToConv(c))
		require.NoError(t, ir.Verify(g))
		require.Equal(t, shape, g.Outputs()[0].Type().Shape)
		errs[way] = relativeError(want, run(t, g, []*tensor.Tensor{fresh})[0])
		require.InEpsilon(t, errs[way], c.rewrites[0].Error, 0.15)
		require.Equal(t, 16, c.rewrites[0].Calibration)
		if way == "conv" {
			require.Equal(t, "conv, full", c.rewrites[0].Form) // the channels are correlated
			require.Equal(t, []string{"%a = Conv{pads=[1, 1, 1, 1]}(%x, %w_1)", "%r = Relu(%a)",
				"%pool.conv = Conv{dilations=[1, 1], kernel_shape=[3, 3], pads=[0, 0, 1, 0], strides=[2, 2]}(%r, %pool.weight, %pool.bias)",
				"%y = Relu(%pool.conv)"}, nodesOf(t, g))
		}
	}
	require.Less(t, errs["conv"], 0.5*errs["stride"])
	require.Equal(t, errs["conv"], errs["best"])
}

// A maximum that is always that of the same element is found exactly, by the stride as well as by a fit.
func TestPoolThatIsAStride(t *testing.T) {
	images := tensor.New(tensor.Float32, 6, 4, 16, 15)
	for i, e := range tensor.Data[float32](noise(1, 6, 4, 16, 15)) {
		if y, x := i/15%16, i%15; y%2 == 0 && x%2 == 0 {
			tensor.Data[float32](images)[i] = float32(math.Abs(float64(e)))
		}
	}
	for way, form := range map[string]string{"best": "", "conv": "conv, depthwise"} {
		g, err := ir.Parse(`graph "g" opset 21 (%x: float32[N,4,16,15]) -> (%y) {
  %w: float32[4,1,1,1] = const splat(1.0)
  %a = Conv{group=4}(%x, %w) "conv"
  %r = Relu(%a) "relu"
  %y = MaxPool{kernel_shape=[2, 2], strides=[2, 2]}(%r) "pool"
}`, ops.Lookup)
		require.NoError(t, err)
		want := run(t, g, []*tensor.Tensor{images})[0]
		c := &Context{Graph: g, Approximation: approximation(t, Approximation{Pool: way}, images)}
		require.NoError(t, poolToConv(c))
		if form != "" {
			require.Contains(t, c.rewrites[0].Form, "conv")
		}
		require.Less(t, relativeError(want, run(t, g, []*tensor.Tensor{images})[0]), 2e-2)
	}
}

func TestPoolToConvErrors(t *testing.T) {
	const rest = `  %y = MaxPool{kernel_shape=[9, 9]}(%a) "pool"`
	g := graphOf(t, "Conv{strides=[2, 2], pads=[3, 3, 3, 3]}(%x, %w)", rest)
	var images *ImagesError
	require.ErrorAs(t, poolToConv(&Context{Graph: g, Approximation: &Approximation{Pool: "conv"}}), &images)
	require.Equal(t, ImagesError{"pool-to-conv", "pool", "MaxPool", 0, 21}, *images) // 4 positions an image, 82 unknowns
	a := approximation(t, Approximation{}, noise(1, 2, 4, 16, 15))
	require.ErrorAs(t, poolToConv(&Context{Graph: g, Approximation: a}), &images)
	require.Equal(t, 2, images.Have)
	var option *OptionError
	require.ErrorAs(t, poolToConv(&Context{Graph: g, Approximation: &Approximation{Pool: "mean"}}), &option)
}
