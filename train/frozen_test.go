package train_test

import (
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/train"
)

// twoNorms has two layers with a normalization and a Dropout each.
const twoNorms = `graph "g" (%x: float32[N,2]) -> (%y) {
  %w1: float32[2,3] = const [1.0, -2.0, 0.5, 0.25, 1.5, -1.0]
  %scale1: float32[3] = const [1.0, 1.5, 2.0]
  %shift1: float32[3] = const [0.5, 1.0, 0.25]
  %mean1: float32[3] = const [0.1, 0.2, 0.3]
  %var1: float32[3] = const [1.0, 2.0, 3.0]
  %ratio: float32[] = const 0.5
  %w2: float32[3,3] = const [1.0, 2.0, -1.0, 0.5, -1.5, 1.0, 0.75, 0.25, -0.5]
  %scale2: float32[3] = const [1.0, 1.25, 0.75]
  %shift2: float32[3] = const [0.5, 0.5, 0.5]
  %mean2: float32[3] = const [0.0, 0.1, 0.0]
  %var2: float32[3] = const [1.0, 1.0, 2.0]
  %a1 = MatMul(%x, %w1) "fc1"
  %b1 = BatchNormalization(%a1, %scale1, %shift1, %mean1, %var1) "bn1"
  %c1 = Relu(%b1) "relu1"
  %d1 = Dropout(%c1, %ratio) "drop1"
  %a2 = MatMul(%d1, %w2) "fc2"
  %y = BatchNormalization(%a2, %scale2, %shift2, %mean2, %var2) "bn2"
}
`

// steps makes a few steps and gives the names of the model's constants that they changed, in order.
func steps(t *testing.T, text string, opts train.Options) (changed []string, after *ir.Graph) {
	g := parse(t, text)
	before := print(t, g)
	tr, err := train.New(t.Context(), g, opts)
	require.NoError(t, err)
	defer tr.Close()
	for i := range 3 {
		classes := g.Outputs()[0].Type().Shape[1].N
		targets := tensor.New(tensor.Float32, 4, classes)
		for k := range 4 {
			tensor.Data[float32](targets)[classes*k+k%classes] = 1
		}
		_, err := tr.Step(t.Context(), 0.1, map[string]*tensor.Tensor{"x": scatter(1, float64(i), 4, g.Inputs()[0].Type().Shape[1].N), train.Targets: targets})
		require.NoError(t, err)
	}
	after, err = tr.Model()
	require.NoError(t, err)
	require.NoError(t, ir.Verify(after))
	require.Equal(t, before, print(t, g), "the model that was given has changed")
	for _, v := range g.Values() {
		if v.Const() != nil {
			require.NotNil(t, after.Value(v.Name()), v.Name())
		}
		if v.Const() != nil && !after.Value(v.Name()).Const().Equal(v.Const()) {
			changed = append(changed, v.Name())
		}
	}
	slices.Sort(changed)
	return changed, after
}

// What is not to learn stays as it is, to the bit; all else learns.
func TestWhatLearns(t *testing.T) {
	first := func(node string) bool { return strings.HasSuffix(node, "1") }
	for name, c := range map[string]struct {
		opts train.Options
		want []string
	}{
		"all":          {train.Options{}, []string{"mean1", "mean2", "scale1", "scale2", "shift1", "shift2", "var1", "var2", "w1", "w2"}},
		"frozen":       {train.Options{Frozen: first}, []string{"mean2", "scale2", "shift2", "var2", "w2"}},
		"frozen norms": {train.Options{FreezeNorms: true}, []string{"scale1", "scale2", "shift1", "shift2", "w1", "w2"}},
		"both":         {train.Options{Frozen: first, FreezeNorms: true}, []string{"scale2", "shift2", "w2"}},
		"rates": {
			train.Options{FreezeNorms: true, Rate: func(p string) float64 { return map[string]float64{"w2": 0.5}[p] }}, []string{"w2"},
		},
	} {
		for _, optimizer := range []train.Optimizer{{}, {Momentum: 0.9, Decay: 0.1}, {Kind: train.Adam, Decay: 0.1}, {Kind: train.AdamW, Decay: 0.1, Clip: 0.5}} {
			c.opts.Optimizer = optimizer
			changed, _ := steps(t, twoNorms, c.opts)
			require.Equal(t, c.want, changed, name)
		}
	}
}

// A factor of the rate is that: with plain gradient descent, a step goes that far.
func TestRateFactor(t *testing.T) {
	step := func(rate func(string) float64) map[string][]float32 {
		tr, err := train.New(t.Context(), two(t), train.Options{Rate: rate})
		require.NoError(t, err)
		defer tr.Close()
		feeds := sixImages(false)
		_, err = tr.Step(t.Context(), 0.5, map[string]*tensor.Tensor{"x": feeds["x"], train.Targets: feeds[train.Targets]})
		require.NoError(t, err)
		return weights(tr)
	}
	begin, whole := two(t), step(nil)
	quarter := step(func(p string) float64 {
		if p == "fc1.w" {
			return 0.25
		}
		return 1
	})
	require.Equal(t, whole["fc2.w"], quarter["fc2.w"])
	for i, w := range tensor.Data[float32](begin.Value("fc1.w").Const()) {
		require.InDelta(t, (whole["fc1.w"][i]-w)/4, quarter["fc1.w"][i]-w, 1e-7)
	}
}

func TestTrainerErrors(t *testing.T) {
	for _, c := range []struct {
		opts train.Options
		want string
	}{
		{train.Options{Optimizer: train.Optimizer{Kind: "lion"}}, `train: optimizer "lion": unknown, expects sgd, adam or adamw`},
		{train.Options{Optimizer: train.Optimizer{Momentum: 1}}, "train: optimizer: momentum is 1, expects 0 to 1"},
		{train.Options{Optimizer: train.Optimizer{Momentum: math.NaN()}}, "train: optimizer: momentum is NaN, expects 0 to 1"},
		{train.Options{Optimizer: train.Optimizer{Kind: train.Adam, Beta1: -0.1}}, "train: optimizer: beta1 is -0.1, expects 0 to 1"},
		{train.Options{Optimizer: train.Optimizer{Kind: train.Adam, Beta2: 1}}, "train: optimizer: beta2 is 1, expects 0 to 1"},
		{train.Options{Optimizer: train.Optimizer{Kind: train.Adam, Epsilon: -1}}, "train: optimizer: epsilon is -1, expects 0 to 1"},
		{train.Options{Optimizer: train.Optimizer{Decay: -1}}, "train: optimizer: weight decay is -1, expects 0 to 1e+06"},
		{train.Options{Optimizer: train.Optimizer{Clip: math.Inf(1)}}, "train: optimizer: clip is +Inf, expects 0 to 1e+30"},
		{train.Options{Frozen: func(string) bool { return true }}, "train: nothing is left to learn: the model has no parameters that are not frozen"},
		{train.Options{Rate: func(string) float64 { return 0 }}, "train: nothing is left to learn: the model has no parameters that are not frozen"},
		{train.Options{Rate: func(string) float64 { return -1 }}, `train: parameter "fc1.w": its rate is multiplied by -1, expects a number of at least 0`},
	} {
		_, err := train.New(t.Context(), two(t), c.opts)
		require.EqualError(t, err, c.want)
	}
	_, err := train.New(t.Context(), parse(t, `graph "g" (%x: float32[N,2], %y: float32[N,2]) -> (%z) {
  %w: float32[2,2] = const [1.0, 2.0, 3.0, 4.0]
  %a = MatMul(%x, %w) "fc"
  %z = Add(%a, %y) "sum"
}
`), train.Options{})
	require.EqualError(t, err, "train: the model has 2 inputs (\"x\", \"y\"), expects one")

	tr, err := train.New(t.Context(), two(t), train.Options{})
	require.NoError(t, err)
	defer tr.Close()
	require.Equal(t, []string{"x", train.Targets}, tr.Feeds())
	feeds := sixImages(false)
	x, targets := feeds["x"], feeds[train.Targets]
	for _, c := range []struct {
		rate  float64
		feeds map[string]*tensor.Tensor
		want  string
	}{
		{math.NaN(), map[string]*tensor.Tensor{"x": x, train.Targets: targets}, "train: learning rate NaN: expects a number of at least 0"},
		{-1, map[string]*tensor.Tensor{"x": x, train.Targets: targets}, "train: learning rate -1: expects a number of at least 0"},
		{1, map[string]*tensor.Tensor{"x": x}, `train: input "targets": is missing`},
		{1, map[string]*tensor.Tensor{"x": x, "target": targets}, `train: input "target": not found; nearest: "targets"`},
		{1, map[string]*tensor.Tensor{"x": targets, train.Targets: targets}, `train: step 1: runtime: input "x"`},
	} {
		_, err := tr.Step(t.Context(), c.rate, c.feeds)
		require.ErrorContains(t, err, c.want)
	}
	require.Zero(t, tr.Steps())
}

func TestFitErrors(t *testing.T) {
	for _, c := range []struct {
		src  train.Source
		opts train.FitOptions
		want string
	}{
		{bars{2, 4}, train.FitOptions{Rate: 0.1}, "train: 0 epochs of 2 batches leave nothing to do"},
		{bars{0, 4}, train.FitOptions{Rate: 0.1, Epochs: 1}, "train: 1 epochs of 0 batches leave nothing to do"},
		{bars{2, 4}, train.FitOptions{Epochs: 1}, "train: learning rate 0: expects a number above 0"},
		{bars{2, 4}, train.FitOptions{Epochs: 1, Rate: math.Inf(1)}, "train: learning rate +Inf: expects a number above 0"},
		{bars{2, 4}, train.FitOptions{Epochs: 2, Rate: 0.1, Warmup: 3}, "train: warm-up over 3 epochs: expects 0 to 2, which is all"},
		{bars{2, 4}, train.FitOptions{Epochs: 2, Rate: 0.1, Patience: -1}, "train: patience -1: expects 0 epochs or more"},
	} {
		_, err := trainer(t, train.Options{}).Fit(t.Context(), c.src, c.opts)
		require.EqualError(t, err, c.want)
	}
	_, err := trainer(t, train.Options{}).FindRate(t.Context(), bars{0, 4}, nil, 1e-3, 1, 10)
	require.EqualError(t, err, "train: a source without batches leaves nothing to look at")
}

// A matrix that two layers share learns for both, with the sum of their gradients, and stays shared. A vector that stands for
// two biases because a file holds equal ones once becomes one for each.
func TestTiedWeights(t *testing.T) {
	const tied = `graph "g" (%x: float32[N,2]) -> (%y) {
  %w: float32[2,2] = const [1.0, -0.5, 0.25, 1.5]
  %b: float32[2] = const [0.0, 0.0]
  %h = Gemm(%x, %w, %b) "fc1"
  %r = Tanh(%h) "tanh"
  %y = Gemm(%r, %w, %b) "fc2"
}
`
	apart := strings.NewReplacer("%r, %w, %b", "%r, %v, %c", "  %h =", "  %v: float32[2,2] = const [1.0, -0.5, 0.25, 1.5]\n  %c: float32[2] = const [0.0, 0.0]\n  %h =").Replace(tied)
	opts := train.Options{Gradients: true}
	gradients := func(text string) map[string]*tensor.Tensor {
		tr, err := train.New(t.Context(), parse(t, text), opts)
		require.NoError(t, err)
		defer tr.Close()
		r, err := tr.Step(t.Context(), 0.1, map[string]*tensor.Tensor{"x": scatter(1, 0, 2, 2), train.Targets: tensor.FromSlice([]float32{1, 0, 0, 1}, 2, 2)})
		require.NoError(t, err)
		return r.Gradients
	}
	shared, own := gradients(tied), gradients(apart)
	require.Len(t, shared, 3)
	for i, v := range tensor.Data[float32](shared["w"]) {
		require.InDelta(t, tensor.Data[float32](own["w"])[i]+tensor.Data[float32](own["v"])[i], v, 1e-6)
	}
	second := slices.DeleteFunc(slices.Collect(maps.Keys(shared)), func(name string) bool { return name == "w" || name == "b" })
	require.InDeltaSlice(t, tensor.Data[float32](own["b"]), tensor.Data[float32](shared["b"]), 1e-6)
	require.InDeltaSlice(t, tensor.Data[float32](own["c"]), tensor.Data[float32](shared[second[0]]), 1e-6)

	_, g := steps(t, tied, train.Options{})
	require.Same(t, g.Nodes()[0].In(1), g.Nodes()[2].In(1))
	require.NotSame(t, g.Nodes()[0].In(2), g.Nodes()[2].In(2))
	changed, _ := steps(t, tied, train.Options{Frozen: func(node string) bool { return node == "fc1" }})
	require.Empty(t, changed, "what a frozen layer reads stays: w, and b, which is fc1's")
}

// Weight decay is of matrices alone, not of a bias that has two dimensions.
func TestDecayLeavesBiases(t *testing.T) {
	const text = `graph "g" (%x: float32[N,2]) -> (%y) {
  %w: float32[2,2] = const [1.0, -0.5, 0.25, 1.5]
  %b: float32[1,2] = const [3.0, 4.0]
  %h = MatMul(%x, %w) "fc"
  %y = Add(%h, %b) "bias"
}
`
	for _, kind := range []string{train.SGD, train.Adam, train.AdamW} {
		step := func(decay float64) map[string][]float32 {
			tr, err := train.New(t.Context(), parse(t, text), train.Options{Optimizer: train.Optimizer{Kind: kind, Decay: decay}})
			require.NoError(t, err)
			defer tr.Close()
			_, err = tr.Step(t.Context(), 0.1, map[string]*tensor.Tensor{"x": scatter(1, 0, 2, 2), train.Targets: tensor.FromSlice([]float32{1, 0, 0, 1}, 2, 2)})
			require.NoError(t, err)
			return weights(tr)
		}
		plain, decayed := step(0), step(0.5)
		require.NotEqual(t, plain["w"], decayed["w"])
		require.Equal(t, plain["b"], decayed["b"])
	}
}

// Scores of N×classes×1×1 are judged, and taught, like rows.
func TestScoresOfOnePixel(t *testing.T) {
	const rows = `graph "g" (%x: float32[N,2,1,1]) -> (%y) {
  %w: float32[3,2,1,1] = const [1.0, -0.5, 0.25, 1.5, -1.0, 0.5]
  %s = Conv(%x, %w) "conv"
  %y = Flatten(%s) "rows"
}
`
	pixels := strings.Replace(strings.Replace(rows, "  %y = Flatten(%s) \"rows\"\n", "", 1), "(%y)", "(%s)", 1)
	src := fixed{batchOf(scatter(1, 0, 8, 2, 1, 1), 3), batchOf(scatter(1, 1, 5, 2, 1, 1), 3)}
	var want train.Metrics
	for _, text := range []string{rows, pixels} {
		m, err := train.Judge(t.Context(), parse(t, text), src, runtime.Options{})
		require.NoError(t, err)
		require.Equal(t, 13, m.Images)
		if text == rows {
			want = m
		}
		require.Equal(t, want, m)
		tr, err := train.New(t.Context(), parse(t, text), train.Options{})
		require.NoError(t, err)
		h, err := tr.Fit(t.Context(), src, train.FitOptions{Epochs: 1, Rate: 1e-30})
		tr.Close()
		require.NoError(t, err)
		require.InDelta(t, want.Loss, h.Epochs[0].Train.Loss, 1e-6)
		require.Equal(t, want.Accuracy, h.Epochs[0].Train.Accuracy)
	}
	_, err := train.Judge(t.Context(), parse(t, `graph "g" (%x: float32[N,2,1,1]) -> (%y) {
  %y = ReduceSum(%x) "sum"
}
`), src, runtime.Options{})
	require.ErrorContains(t, err, `train: value "y": float32[1 1 1 1] has no row of scores for each of 8 images`)
}

// A gradient that overflows where the loss does not is told, and no checkpoint is made of what it leaves.
func TestWeightsThatAreNotFinite(t *testing.T) {
	loss := func(b *train.Builder, scores *ir.Value) *ir.Value { // sqrt(0) has no gradient
		return b.Do(ir.New[ops.ReduceSum](), b.Do(&ops.Sqrt{}, b.Do(&ops.Mul{}, scores, b.Number(0))))
	}
	tr, err := train.New(t.Context(), two(t), train.Options{Loss: loss})
	require.NoError(t, err)
	defer tr.Close()
	path := t.TempDir() + "/run.onnx"
	_, err = tr.Fit(t.Context(), fixed{batchOf(scatter(1, 0, 8, 4), 3)}, train.FitOptions{Epochs: 1, Rate: 0.5, Checkpoint: path})
	var at *train.NonFiniteError
	require.ErrorAs(t, err, &at)
	require.Equal(t, int64(1), at.Step)
	require.NoFileExists(t, path)
}

// A step drops what its seed says, where the layer is not frozen; the model keeps its Dropout.
func TestStepsDropOut(t *testing.T) {
	loss := func(seed uint64, frozen func(string) bool) float64 {
		tr, err := train.New(t.Context(), parse(t, twoNorms), train.Options{Seed: seed, Frozen: frozen})
		require.NoError(t, err)
		defer tr.Close()
		targets := batchOf(tensor.New(tensor.Float32, 4, 2), 3).Targets
		r, err := tr.Step(t.Context(), 0, map[string]*tensor.Tensor{"x": scatter(1, 0, 4, 2), train.Targets: targets})
		require.NoError(t, err)
		g, err := tr.Model()
		require.NoError(t, err)
		require.True(t, slices.ContainsFunc(g.Nodes(), func(n *ir.Node) bool { return n.Name == "drop1" && n.OpName() == "Dropout" }))
		return r.Loss
	}
	drop := func(node string) bool { return node == "drop1" }
	require.Equal(t, loss(1, nil), loss(1, nil))
	require.NotEqual(t, loss(1, nil), loss(2, nil))
	require.Equal(t, loss(1, drop), loss(2, drop))
}
