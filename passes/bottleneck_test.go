package passes

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// approximation runs graphs by the operators' references.
func approximation(t require.TestingT, a Approximation, images ...*tensor.Tensor) *Approximation {
	a.Images = images
	a.Run = func(g *ir.Graph, batch *tensor.Tensor) ([]*tensor.Tensor, error) {
		return run(t, g, []*tensor.Tensor{batch}), nil
	}
	return &a
}

// noise is normal numbers.
func noise(seed uint64, shape ...int) *tensor.Tensor {
	rng := rand.New(rand.NewPCG(seed, 1))
	t := tensor.New(tensor.Float32, shape...)
	for i := range tensor.Data[float32](t) {
		tensor.Data[float32](t)[i] = float32(rng.NormFloat64())
	}
	return t
}

// smooth is images whose channels and positions are correlated, and not all as strong.
func smooth(seed uint64, n, c, h, w int) *tensor.Tensor {
	t, z := tensor.New(tensor.Float32, n, c, h, w), noise(seed, n, c, h, w)
	x, e := tensor.Data[float32](t), tensor.Data[float32](z)
	plane := h * w
	for i := range n * c {
		for p := range plane {
			v := e[i*plane+p] / float32(1+i%c)
			if p > 0 {
				v += 0.7 * x[i*plane+p-1]
			}
			if i%c > 0 {
				v += 0.5 * x[(i-1)*plane+p]
			}
			x[i*plane+p] = v
		}
	}
	return t
}

// oneLayer is a convolution of weights, with an activation behind it unless that is nil.
func oneLayer(t require.TestingT, x []int, w *tensor.Tensor, set func(*ops.Conv), act ir.Op) *ir.Graph {
	g := ir.NewGraph("g")
	shape := ir.Dims(x...)
	shape[0] = ir.Symbol("N")
	in, err := g.AddInput("x", ir.Type{DType: tensor.Float32, Shape: shape})
	require.NoError(t, err)
	weight, err := g.AddConst("w", w)
	require.NoError(t, err)
	bias, err := g.AddConst("b", noise(9, w.Dim(0)))
	require.NoError(t, err)
	var op ir.Op
	if len(x) == 2 {
		gemm := ir.New[ops.Gemm]()
		gemm.TransB = true
		op = gemm
	} else {
		conv := ir.New[ops.Conv]()
		if set != nil {
			set(conv)
		}
		op = conv
	}
	n, err := g.Append("layer", op, []*ir.Value{in, weight, bias}, []string{"layer"})
	require.NoError(t, err)
	if act != nil {
		n, err = g.Append("act", act, []*ir.Value{n.Out(0)}, []string{"act"})
		require.NoError(t, err)
	}
	g.SetOutputs(n.Out(0))
	return g
}

// relativeError is that of b for a.
func relativeError(a, b *tensor.Tensor) float64 {
	diff, sum := 0.0, 0.0
	for i, v := range tensor.Data[float32](a) {
		d := float64(v - tensor.Data[float32](b)[i])
		diff, sum = diff+d*d, sum+float64(v)*float64(v)
	}
	return math.Sqrt(diff / sum)
}

// factorizedText is the nodes of a graph, whose weights are of rank 1, after the pass. Its output must stay.
func factorizedText(t *testing.T, text string, a Approximation) []string {
	g, err := ir.Parse(text, ops.Lookup)
	require.NoError(t, err)
	in := []*tensor.Tensor{noise(1, sizesOf(g.Inputs()[0])...)}
	want := run(t, g, in)[0]
	require.NoError(t, toBottlenecks(&Context{Graph: g, Approximation: &a}))
	require.NoError(t, ir.Verify(g))
	require.Less(t, relativeError(want, run(t, g, in)[0]), 1e-5)
	return nodesOf(t, g)
}

// sizesOf is the shape of a value of known size.
func TestBottleneckForms(t *testing.T) {
	const head = `graph "g" opset 21 (%x: float32[2,6,9,8]) -> (%y) {
  %w: float32[8,6,3,3] = const splat(0.5)
  %b: float32[8] = const splat(1.0)
  %y = Conv{dilations=[1, 2], pads=[1, 0, 2, 1], strides=[2, 1]}(%x, %w, %b) "conv"
}`
	const rest = `dilations=[1, 2], kernel_shape=[3, 3], pads=[1, 0, 2, 1], strides=[2, 1]`
	const point = `dilations=[1, 1], kernel_shape=[1, 1], pads=[0, 0, 0, 0], strides=[1, 1]`
	for form, want := range map[string][]string{
		formReduce:  {"%conv.reduce = Conv{" + point + "}(%x, %conv.reduce.weight)", "%y = Conv{" + rest + "}(%conv.reduce, %conv.weight, %conv.bias)"},
		formTucker2: {"%conv.reduce = Conv{" + point + "}(%x, %conv.reduce.weight)", "%conv.core = Conv{" + rest + "}(%conv.reduce, %conv.core.weight)", "%y = Conv{" + point + "}(%conv.core, %conv.weight, %conv.bias)"},
		formProject: {"%conv.reduce = Conv{" + rest + "}(%x, %conv.reduce.weight)", "%y = Conv{" + point + "}(%conv.reduce, %conv.weight, %conv.bias)"},
		formSeparable: {"%conv.vertical = Conv{dilations=[1, 1], kernel_shape=[3, 1], pads=[1, 0, 2, 0], strides=[2, 1]}(%x, %conv.vertical.weight)",
			"%y = Conv{dilations=[1, 2], kernel_shape=[1, 3], pads=[0, 0, 0, 1], strides=[1, 1]}(%conv.vertical, %conv.weight, %conv.bias)"},
	} {
		t.Run(form, func(t *testing.T) {
			require.Equal(t, want, factorizedText(t, head, Approximation{Form: form, Rank: 2}))
		})
	}
	left := factorizedText(t, `graph "g" opset 21 (%x: float32[3,20]) -> (%y) {
  %w: float32[20,30] = const splat(0.5)
  %b: float32[1,30] = const splat(2.0)
  %y = Gemm{alpha=2.0, beta=0.5}(%x, %w, %b) "fc"
}`, Approximation{Rank: 2})
	require.Equal(t, []string{"%fc.reduce = Gemm{transB=true}(%x, %fc.reduce.weight)", "%y = Gemm{transB=true}(%fc.reduce, %fc.weight, %fc.bias)"}, left)
}

// What is not to be touched stays, and the report says why.
func TestBottleneckLeaves(t *testing.T) {
	for name, c := range map[string]struct{ node, why string }{
		"pointwise":         {"Conv(%x, %point)", "it is a 1×1 convolution"},
		"groups":            {"Conv{group=2}(%x, %half)", "it has 2 groups"},
		"computed weights":  {"Conv(%x, %computed)", "its weights are not constant"},
		"computed bias":     {"Conv(%x, %w, %v)", "its bias is not constant and finite"},
		"infinite":          {"Conv(%x, %inf)", "its weights are empty or not finite"},
		"rank of the whole": {"Conv(%x, %narrow)", "rank 4 is not below the full 2 of form reduce"},
		"no gain":           {"Conv(%x, %few)", "it would take 1728 multiplications in place of 1152 (reduce, rank 4)"},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := ir.Parse(`graph "g" opset 21 (%x: float32[1,8,6,6], %v: float32[8], %computed: float32[8,8,3,3]) -> (%y) {
  %point: float32[8,8,1,1] = const splat(1.0)
  %half: float32[8,4,3,3] = const splat(1.0)
  %w: float32[8,8,3,3] = const splat(1.0)
  %inf: float32[8,8,3,3] = const splat(inf)
  %narrow: float32[2,8,1,3] = const splat(1.0)
  %few: float32[1,8,3,3] = const splat(1.0)
  %y = `+strings.ReplaceAll(c.node, "%narrow", "%few")+` "layer"
}`, ops.Lookup)
			require.NoError(t, err)
			rank := 4
			if name == "rank of the whole" {
				rank = 8
				c.why = "rank 8 is not below the full 8 of form reduce"
			}
			before := print(t, g)
			ctx := &Context{Graph: g, Approximation: &Approximation{Form: formReduce, Rank: rank}}
			require.NoError(t, toBottlenecks(ctx))
			require.Equal(t, before, print(t, g))
			require.Len(t, ctx.rewrites, 1)
			require.Equal(t, "layer", ctx.rewrites[0].Node)
			require.Contains(t, ctx.rewrites[0].Skipped, c.why)
			require.Equal(t, 1, ctx.misses[ctx.rewrites[0].Skipped])
		})
	}
}

// A 5×5 convolution from 192 to 32 channels on 28×28, by way of 16.
func TestTextbookBottleneck(t *testing.T) {
	g := oneLayer(t, []int{1, 192, 28, 28}, noise(1, 32, 192, 5, 5), func(c *ops.Conv) { c.Pads = []int{2, 2, 2, 2} }, nil)
	c := &Context{Graph: g, Approximation: &Approximation{Form: formReduce, Rank: 16}}
	require.NoError(t, toBottlenecks(c))
	require.EqualValues(t, 120_422_400, c.rewrites[0].MACsBefore)
	require.EqualValues(t, 12_443_648, c.rewrites[0].MACsAfter)
	macs := int64(0)
	require.NoError(t, g.SetInputType(g.Inputs()[0], ir.Type{DType: tensor.Float32, Shape: ir.Dims(1, 192, 28, 28)}))
	require.NoError(t, g.InferAll())
	for _, n := range g.Nodes() {
		macs += n.Op.Def().MACs(n)
	}
	require.EqualValues(t, 12_443_648, macs)
}

// At the full rank a form is the layer itself, fitted to images or not.
func TestFullRankIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string, lo, hi int) int { return rapid.IntRange(lo, hi).Draw(t, name) }
		form := rapid.SampledFrom([]string{formReduce, formTucker2, formProject, formSeparable, formTwo}).Draw(t, "form")
		c, m := draw("inputs", 1, 5), draw("outputs", 1, 6)
		x, w := []int{3, c, draw("height", 6, 9), draw("width", 6, 9)}, []int{m, c, draw("kh", 2, 3), draw("kw", 2, 3)}
		if form == formTwo {
			x, w = x[:2], w[:2]
			x[0] = 12
		}
		g := oneLayer(t, x, noise(uint64(draw("seed", 0, 99)), w...), func(op *ops.Conv) {
			op.Strides = []int{draw("sy", 1, 2), draw("sx", 1, 2)}
			op.Dilations = []int{draw("dy", 1, 2), draw("dx", 1, 2)}
			op.Pads = []int{draw("top", 0, 2), draw("left", 0, 2), draw("bottom", 0, 2), draw("right", 0, 2)}
		}, rapid.SampledFrom([]ir.Op{nil, &ops.Relu{}, &ops.Tanh{}}).Draw(t, "activation"))
		batch := noise(3, x...)
		want := run(t, g, []*tensor.Tensor{batch})[0]
		a := approximation(t, Approximation{})
		if rapid.Bool().Draw(t, "images") {
			a.Images = []*tensor.Tensor{batch}
		}
		n := g.Nodes()[0]
		l, why := factorizedOf(n)
		require.Empty(t, why)
		full, why := l.full(form)
		require.Empty(t, why)
		f := &fitting{layer: l, approx: a, graph: g, original: g.Clone()}
		done, err := f.fit(&candidate{form, full}, false)
		require.NoError(t, err)
		require.Less(t, done.err, 1e-3)
		rw := ir.NewRewriter(g)
		require.NoError(t, l.place(rw, n, &candidate{form, full}, &done.factors))
		require.NoError(t, rw.Done())
		require.NoError(t, ir.Verify(g))
		got := run(t, g, []*tensor.Tensor{batch})[0]
		for i, v := range tensor.Data[float32](want) {
			require.InDelta(t, v, tensor.Data[float32](got)[i], 1e-4*(1+math.Abs(float64(v))))
		}
	})
}

// On correlated inputs that nothing was fitted to, factors fitted to images are better than those of the weights alone.
func TestImagesBeatWeights(t *testing.T) {
	for _, form := range []string{formReduce, formTucker2, formProject, formSeparable, formTwo} {
		for name, act := range map[string]ir.Op{"linear": nil, "relu": &ops.Relu{}, "tanh": &ops.Tanh{}} {
			t.Run(form+" "+name, func(t *testing.T) {
				shape, w, rank := []int{8, 12, 8, 8}, noise(2, 12, 12, 3, 3), 4
				images, fresh := smooth(5, 32, 12, 8, 8), smooth(6, 32, 12, 8, 8)
				if form == formTwo {
					shape, w = []int{300, 24}, noise(2, 16, 24)
					images, fresh = smooth(5, 300, 24, 1, 1), smooth(6, 300, 24, 1, 1)
					images, fresh = tensor.FromSlice(tensor.Data[float32](images), 300, 24), tensor.FromSlice(tensor.Data[float32](fresh), 300, 24)
				}
				g := oneLayer(t, shape, w, nil, act)
				want := run(t, g, []*tensor.Tensor{fresh})[0]
				var errs []float64
				for _, batches := range [][]*tensor.Tensor{nil, {images}} {
					h := g.Clone()
					a := approximation(t, Approximation{Form: form, Rank: rank}, batches...)
					if form == formTwo {
						a.Form = ""
					}
					c := &Context{Graph: h, Approximation: a}
					require.NoError(t, toBottlenecks(c))
					require.NoError(t, ir.Verify(h))
					require.Empty(t, c.rewrites[0].Skipped)
					e := relativeError(want, run(t, h, []*tensor.Tensor{fresh})[0])
					if batches != nil {
						require.InEpsilon(t, e, c.rewrites[0].Error, 0.2, "the reported error is near that on other images")
					}
					errs = append(errs, e)
				}
				require.Less(t, errs[1], 0.9*errs[0])
			})
		}
	}
}

// Without an activation the fit of the outputs is the best map of its rank: the error is what is left of the spectrum of
// the outputs, and no other map of that rank does better.
func TestReducedRankIsOptimal(t *testing.T) {
	images := smooth(5, 6, 8, 9, 9)
	g := oneLayer(t, images.Shape(), noise(2, 10, 8, 3, 3), nil, nil)
	y := run(t, g, []*tensor.Tensor{images})[0]
	rows := newSampling(0, y.Dim(2)*y.Dim(3), y.Dim(0), 1).gather(nil, y, nil, 0)
	m := matrix{len(rows) / 10, 10, slices.Clone(rows)}
	power := m.squares()
	m.center()
	cov, err := gram(m)
	require.NoError(t, err)
	values, err := eigenvalues(cov)
	require.NoError(t, err)
	c := &Context{Graph: g, Approximation: approximation(t, Approximation{Form: formProject, Rank: 4}, images)}
	require.NoError(t, toBottlenecks(c))
	bound := math.Sqrt(sum(values[4:]) / power)
	require.InEpsilon(t, bound, c.rewrites[0].Error, 0.01)
	require.GreaterOrEqual(t, c.rewrites[0].Error, bound*(1-1e-4))
}

// A later layer makes up for a part of what an earlier one lost.
func TestFitFollowsEarlierErrors(t *testing.T) {
	text := `graph "g" opset 21 (%x: float32[N,8,10,10]) -> (%d) {
  %v: float32[8,8,3,3] = const splat(0.0)
  %w: float32[8,8,3,3] = const splat(0.0)
  %a = Conv(%x, %v) "one"
  %b = Relu(%a) "two"
  %c = Conv(%b, %w) "three"
  %d = Relu(%c) "four"
}`
	g, err := ir.Parse(text, ops.Lookup)
	require.NoError(t, err)
	rw := ir.NewRewriter(g)
	for i, n := range slices.Clone(g.Nodes()) {
		if _, ok := n.Op.(*ops.Conv); ok {
			require.NoError(t, rw.SetInput(n, 1, rw.Const("weight", noise(uint64(i), 8, 8, 3, 3))))
		}
	}
	require.NoError(t, rw.Done())
	images, fresh := smooth(5, 32, 8, 10, 10), smooth(6, 8, 8, 10, 10)
	want := run(t, g, []*tensor.Tensor{fresh})[0]
	follow := g.Clone()
	a := approximation(t, Approximation{Form: formProject, Rank: 4}, images)
	require.NoError(t, toBottlenecks(&Context{Graph: follow, Approximation: a}))

	// Each layer fitted on the original's activations.
	apart := g.Clone()
	for _, name := range []string{"one", "three"} {
		h := g.Clone()
		i := slices.IndexFunc(h.Nodes(), func(n *ir.Node) bool { return n.Name == name })
		l, why := factorizedOf(h.Nodes()[i])
		require.Empty(t, why)
		f := &fitting{layer: l, approx: a, graph: h, original: g}
		k := &candidate{formProject, []int{4}}
		done, err := f.fit(k, false)
		require.NoError(t, err)
		rw := ir.NewRewriter(apart)
		i = slices.IndexFunc(apart.Nodes(), func(n *ir.Node) bool { return n.Name == name })
		require.NoError(t, l.place(rw, apart.Nodes()[i], k, &done.factors))
		require.NoError(t, rw.Done())
	}
	in := []*tensor.Tensor{fresh}
	require.Less(t, relativeError(want, run(t, follow, in)[0]), 0.99*relativeError(want, run(t, apart, in)[0]))
}

func TestBottleneckOfNormalizedLayer(t *testing.T) {
	g, err := ir.Parse(`graph "g" opset 21 (%x: float32[1,8,6,6]) -> (%y) {
  %w: float32[8,8,3,3] = const splat(0.5)
  %s: float32[8] = const splat(2.0)
  %a = Conv(%x, %w) "conv"
  %y = BatchNormalization(%a, %s, %s, %s, %s) "norm"
}`, ops.Lookup)
	require.NoError(t, err)
	in := []*tensor.Tensor{noise(1, 1, 8, 6, 6)}
	want := run(t, g, in)[0]
	require.NoError(t, toBottlenecks(&Context{Graph: g, Approximation: &Approximation{Form: formProject, Rank: 1}}))
	require.Len(t, g.Nodes(), 2)
	require.Less(t, relativeError(want, run(t, g, in)[0]), 1e-5)
}

func TestEnergy(t *testing.T) {
	w := tensor.New(tensor.Float32, 16, 16)
	for i := range 16 { // singular values 1, ½, ¼ …
		tensor.Data[float32](w)[i*17] = float32(math.Pow(0.5, float64(i)))
	}
	g := oneLayer(t, []int{1, 16}, w, nil, nil)
	c := &Context{Graph: g, Approximation: &Approximation{Energy: 0.95}}
	require.NoError(t, toBottlenecks(c))
	require.Equal(t, []int{3}, c.rewrites[0].Ranks) // 0.75·(1 + ¼ + 1/16) = 0.98, of two 0.94
	require.InDelta(t, math.Sqrt(1./64), c.rewrites[0].Error, 1e-4)
}

// Layers may be faster alone and the whole slower.
func TestWholeMustBeFaster(t *testing.T) {
	g := ir.NewGraph("g")
	x, err := g.AddInput("x", ir.Type{DType: tensor.Float32, Shape: ir.Dims(1, 64)})
	require.NoError(t, err)
	for i := range 2 {
		c, err := g.AddConst("", noise(uint64(3+i), 64, 64))
		require.NoError(t, err)
		n, err := g.Append("", ir.New[ops.Gemm](), []*ir.Value{x, c}, []string{[]string{"a", "b"}[i]})
		require.NoError(t, err)
		x = n.Out(0)
	}
	g.SetOutputs(x)
	before := print(t, g)
	whole := &Approximation{Rank: 8, Time: func(g *ir.Graph) (time.Duration, error) {
		if len(g.Nodes()) <= 2 && g.Value("b") == nil {
			return time.Duration(3-len(g.Nodes())) * time.Millisecond, nil
		}
		return time.Duration(len(g.Nodes())) * time.Millisecond, nil
	}}
	c := &Context{Graph: g, Approximation: whole}
	require.NoError(t, toBottlenecks(c))
	require.Equal(t, before, print(t, g))
	require.Equal(t, "the whole network would take 4ms in place of 2ms", c.rewrites[0].Skipped)
}

func TestBottleneckErrors(t *testing.T) {
	g := oneLayer(t, []int{1, 64}, noise(1, 64, 64), nil, nil)
	var images *ImagesError
	c := &Context{Graph: g, Approximation: approximation(t, Approximation{Rank: 16}, noise(1, 10, 64))}
	require.ErrorAs(t, toBottlenecks(c), &images)
	require.Equal(t, ImagesError{"bottleneck", "layer", "Gemm", 10, 16}, *images)
	require.EqualError(t, images, `passes: node "layer" (Gemm): bottleneck is fitted to images: it has 10 and needs at least 16; give calibration images`)

	for _, a := range []*Approximation{nil, {}, {Rank: -1}, {Rank: 2, Energy: 0.5}, {Energy: 1}, {Energy: math.NaN()}, {Rank: 2, Choose: func(*Choices) error { return nil }}, {Rank: 2, Form: "thin"}} {
		var option *OptionError
		require.ErrorAs(t, toBottlenecks(&Context{Graph: g, Approximation: a}), &option)
	}
}

// A matrix beyond exactEigen goes by a random subspace.
func TestLargeEigen(t *testing.T) {
	n, k := 4*exactEigen, 20
	a := newMatrix(n, k)
	for j := range k {
		a.data[j*k+j] = float32(100 - j)
	}
	full, err := multiply(a, a, false, true)
	require.NoError(t, err)
	values, vectors, err := eigen(full.dense(), k)
	require.NoError(t, err)
	want := 0.0
	for j := range k {
		want += float64((100 - j) * (100 - j))
		length := 0.0
		for i := range k {
			length += vectors.At(j, i) * vectors.At(j, i)
		}
		require.InDelta(t, 1, length, 1e-4, "the space has axis %d", j)
	}
	require.InEpsilon(t, want, sum(values), 1e-4)
}

// Few samples say little of a wide output, and nothing of ranks beyond their number.
func TestSpectrumOfFewSamples(t *testing.T) {
	w := matrix{40, 60, tensor.Data[float32](noise(1, 40, 60))}
	plain, err := tailOf(w, nil, 0)
	require.NoError(t, err)
	one := newMatrix(3, 40)
	for i := range one.data {
		one.data[i] = float32(1 + i/40)
	}
	seen, err := gram(one) // of one direction
	require.NoError(t, err)
	few, err := tailOf(w, seen, 3)
	require.NoError(t, err)
	require.Equal(t, plain[4:], few[4:])
	require.Less(t, few[1], plain[1])
	require.Greater(t, few[1], 0.8)
	many, err := tailOf(w, seen, 10_000)
	require.NoError(t, err)
	require.Less(t, many[1], 0.02)
}
