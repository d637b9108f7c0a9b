package compress

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/internal/modelinfo"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/passes"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/vision"
)

// normalized is a convolution and its normalization, twice, one behind the other.
const normalized = `graph "normalized" opset 21 (%x: float32[N,2,9,9]) -> (%y) {
  %w: float32[2,2,1,1] = const splat(0.3)
  %v: float32[2,2,1,1] = const splat(0.3)
  %scale: float32[2] = const splat(1.7)
  %bias: float32[2] = const splat(0.1)
  %mean: float32[2] = const splat(0.07)
  %var: float32[2] = const splat(0.9)
  %a = Conv(%x, %w) "conv1"
  %b = BatchNormalization(%a, %scale, %bias, %mean, %var) "bn1"
  %c = Relu(%b) "relu1"
  %d = Conv(%c, %v) "conv2"
  %e = BatchNormalization(%d, %scale, %bias, %mean, %var) "bn2"
  %i = Identity(%e) "identity"
  %y = Relu(%i) "relu2"
}`

func parse(t testing.TB, text string) *ir.Graph {
	g, err := ir.Parse(text, ops.Lookup)
	require.NoError(t, err)
	return g
}

func lenet(t *testing.T) *ir.Graph {
	g, err := importer.Open("../testdata/lenet5.onnx")
	require.NoError(t, err)
	return g
}

func digit(t *testing.T, name string) *vision.Image {
	img, err := vision.DecodeFile("../testdata/" + name + ".png")
	require.NoError(t, err)
	return img
}

// randomSets is n random inputs.
func randomSets(t testing.TB, g *ir.Graph, n int) (sets [][]*tensor.Tensor) {
	for i := range n {
		in, err := RandomInputs(g.Inputs(), 3, nil, uint64(i))
		require.NoError(t, err)
		sets = append(sets, in)
	}
	return sets
}

func TestOptimize(t *testing.T) {
	g := parse(t, normalized)
	before := g.String()
	out, r, err := Optimize(context.Background(), g, Options{Level: passes.O2, Verify: randomSets(t, g, 2), Measure: time.Millisecond})
	require.NoError(t, err)
	require.Equal(t, before, g.String(), "the original stays as it is")
	require.Len(t, out.Nodes(), 2)
	require.Equal(t, 7, r.Before.Nodes)
	require.Equal(t, 2, r.After.Nodes)
	require.EqualValues(t, 2*81*2*2, r.After.MACs)
	require.Positive(t, r.Before.Time)
	require.Positive(t, r.After.Time)
	require.Less(t, r.Verification.Error, 1e-6)
	require.Equal(t, 1.0, r.Verification.Top1())
	require.Equal(t, 6, r.Verification.Rows)
	require.Equal(t, DefaultTolerance, r.Tolerance)
	require.Nil(t, r.Verification.First)
	require.False(t, r.Approximate)

	steps, err := History(out)
	require.NoError(t, err)
	require.Len(t, steps, 1)
	require.Equal(t, "-O2", steps[0].Level)
	require.Contains(t, steps[0].Passes, StepPass{"affine-into-weights", 2})
	again, _, err := Optimize(context.Background(), out, Options{Level: passes.O2})
	require.NoError(t, err)
	steps, err = History(again)
	require.NoError(t, err)
	require.Len(t, steps, 1, "what changes nothing is no step")
}

func TestOptimizeLevelsAndNames(t *testing.T) {
	g := parse(t, normalized)
	optimize := func(opts Options) (int, error) {
		out, _, err := Optimize(context.Background(), g, opts)
		if err != nil {
			return 0, err
		}
		return len(out.Nodes()), nil
	}
	for want, opts := range map[int]Options{
		7: {Level: passes.O0},
		6: {Level: passes.O1},
		4: {Level: passes.O2, Without: []string{"fuse-activation"}},
	} {
		n, err := optimize(opts)
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	_, err := optimize(Options{Level: passes.O1, Without: []string{"simplfy"}})
	require.ErrorContains(t, err, `pass "simplfy": unknown; nearest: "simplify"`)
	_, err = optimize(Options{Level: passes.O1, With: []string{"fuse-activation"}})
	require.ErrorContains(t, err, "-O1 excludes; use -O2")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, _, err = Optimize(ctx, g, Options{Level: passes.O2})
	require.ErrorIs(t, err, context.Canceled)
}

// A result beyond the tolerance is an error that says which output, how far, and which pass and node.
func TestFailedVerification(t *testing.T) {
	g := parse(t, normalized)
	out, r, err := Optimize(context.Background(), g, Options{Level: passes.O2, Verify: randomSets(t, g, 1), Tolerance: 1e-12})
	var failed *VerificationError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, "affine-into-weights", failed.Pass)
	require.Equal(t, "conv1", failed.At.Node)
	require.ErrorContains(t, err, `onnxrun: verification failed: output "y", element [`)
	require.ErrorContains(t, err, `the tolerance is 1e-12; the first pass to leave it is "affine-into-weights", at node "conv1"`)
	require.NotNil(t, out)
	require.NotNil(t, r.Verification.First)

	_, r, err = Optimize(context.Background(), g, Options{Level: passes.O2, Verify: randomSets(t, g, 1), Tolerance: -1})
	require.ErrorAs(t, err, &failed)
	require.ErrorContains(t, err, "the tolerance is 0; the first pass to leave it is \"affine-into-weights\"")
	require.Zero(t, r.Tolerance)

	// Passes that were asked for by name, or left out for a look, are looked at as they ran.
	pool := parse(t, `graph "pool" opset 21 (%x: float32[N,8,15,15]) -> (%y) { %y = AveragePool{kernel_shape=[3, 3]}(%x) "pool" }`)
	_, _, err = Optimize(context.Background(), pool, Options{With: []string{"average-to-conv"}, Verify: randomSets(t, pool, 1), Tolerance: -1})
	require.ErrorAs(t, err, &failed)
	require.Equal(t, "average-to-conv", failed.Pass)
	debug, err := passes.ParseDebug("affine-into-weights/off", io.Discard)
	require.NoError(t, err)
	between := parse(t, strings.Replace(normalized, "%d = Conv(%c, %v)", "%d = Conv(%b, %v)", 1))
	_, _, err = Optimize(context.Background(), between, Options{Level: passes.O2, Debug: debug, Verify: randomSets(t, g, 1), Tolerance: -1})
	require.ErrorAs(t, err, &failed)
	require.Equal(t, "affine-into-next", failed.Pass)

	out, r, err = Optimize(context.Background(), g, Options{Level: passes.O2})
	require.NoError(t, err)
	opts := Options{Verify: randomSets(t, g, 1)}
	require.NoError(t, r.VerifyAgain(context.Background(), g, out, opts))
	require.ErrorAs(t, r.VerifyAgain(context.Background(), g, damaged(t, out, "conv2"), opts), &failed)
	require.Equal(t, "conv2", failed.At.Node)
	require.Greater(t, r.Verification.Error, 0.1)
}

func TestVerify(t *testing.T) {
	g := lenet(t)
	v, err := Verify(context.Background(), g, randomSets(t, g, 2), VerifyOptions{Level: passes.O2})
	require.NoError(t, err)
	require.Nil(t, v.Failure)
	last := v.Steps[len(v.Steps)-1]
	require.Equal(t, AsRun, last.Pass)
	require.Equal(t, 6, last.Rows)
	require.Equal(t, 6, last.Agree)
	require.Less(t, last.Nodes, len(g.Nodes()))

	// The second convolution is the first node whose error passes what the first one's rounding makes.
	g = parse(t, normalized)
	v, err = Verify(context.Background(), g, randomSets(t, g, 1), VerifyOptions{Level: passes.O2, Tolerance: 1e-12})
	require.NoError(t, err)
	require.Equal(t, "affine-into-weights", v.Failure.Pass)
	require.Equal(t, "conv1", v.Failure.At.Node)
	require.Equal(t, *v.Failure, v.Steps[len(v.Steps)-1])
	v, err = Verify(context.Background(), g, randomSets(t, g, 1), VerifyOptions{Level: passes.O1, Tolerance: 1e-12, Runtime: runtime.Options{Threads: 1}})
	require.NoError(t, err)
	require.Equal(t, AsRun, v.Failure.Pass, "exact passes move nothing, the runtime's do")
	_, err = Verify(context.Background(), g, nil, VerifyOptions{})
	require.ErrorContains(t, err, "nothing to verify")
}

// damaged is the model with the weights of a node made wrong.
func damaged(t testing.TB, g *ir.Graph, node string) *ir.Graph {
	g = g.Clone()
	for _, n := range g.Nodes() {
		if n.Name != node {
			continue
		}
		w := n.In(1).Const().Clone()
		for i := range tensor.Data[float32](w) {
			tensor.Data[float32](w)[i] *= -1
		}
		rw := ir.NewRewriter(g)
		require.NoError(t, rw.SetInput(n, 1, rw.Const("damaged", w)))
		require.NoError(t, rw.Done())
		return g
	}
	t.Fatalf("no node %s", node)
	return nil
}

func TestDiff(t *testing.T) {
	g := lenet(t)
	spec, _, err := modelinfo.Preprocess(g, nil)
	require.NoError(t, err)
	x, err := spec.Apply(digit(t, "one"), digit(t, "two"), digit(t, "three"))
	require.NoError(t, err)
	sets := [][]*tensor.Tensor{{x}, {x}}
	diff := func(a, b *ir.Graph) *Difference {
		d, err := Diff(context.Background(), a, b, sets, DiffOptions{})
		require.NoError(t, err)
		return d
	}
	d := diff(g, g)
	require.Zero(t, d.Error)
	require.Nil(t, d.First)
	require.Equal(t, "worst error 0; top-1 agreement 100 % (6 of 6)", d.String())
	for _, node := range []string{"C1", "C3", "C5", "F6"} {
		d := diff(g, damaged(t, g, node))
		require.Greater(t, d.Error, DefaultTolerance)
		require.Equal(t, node, d.First.Node)
		require.Greater(t, d.First.Error, DefaultTolerance)
		require.Equal(t, "prob", d.Outputs[0].Output)
		require.Equal(t, "prob before Softmax", d.Outputs[1].Output)
		require.Equal(t, max(d.Outputs[0].Error, d.Outputs[1].Error), d.WorstOutput().Error)

		// Fused, with other names for what is inside.
		fused, _, err := Optimize(context.Background(), damaged(t, g, node), Options{Level: passes.O2})
		require.NoError(t, err)
		require.Equal(t, node, diff(g, fused).First.Node)
	}
	_, err = Diff(context.Background(), g, parse(t, `graph "two" (%a: float32[1], %b: float32[1]) -> (%c) { %c = Add(%a, %b) "add" }`), sets, DiffOptions{})
	require.ErrorContains(t, err, "the models cannot be compared: their inputs are")
}

// A Softmax that is all ones and zeros hides nothing.
func TestDiffBeforeSoftmax(t *testing.T) {
	const text = `graph "g" opset 21 (%x: float32[N,3], %unused: float32[2]) -> (%p, %q) {
  %w: float32[3,3] = const splat(WEIGHT)
  %m = MatMul(%x, %w) "fc"
  %q = Softmax(%m) "softmax"
  %c: float32[3] = const [200.0, 0.0, 0.0]
  %l = Add(%m, %c) "logits"
  %p = Softmax(%l) "saturated"
}`
	a, b := parse(t, strings.Replace(text, "WEIGHT", "1.0", 1)), parse(t, strings.Replace(text, "WEIGHT", "2.0", 1))
	d, err := Diff(context.Background(), a, b, randomSets(t, a, 2), DiffOptions{})
	require.NoError(t, err)
	require.Zero(t, d.Outputs[0].Error)
	require.Equal(t, "p before Softmax", d.Outputs[2].Output)
	require.Equal(t, "fc", d.First.Node)
	require.Equal(t, 6, d.Rows)
	require.Equal(t, 6, d.Agree)
	v, err := Verify(context.Background(), a, randomSets(t, a, 1), VerifyOptions{Level: passes.O2})
	require.NoError(t, err)
	require.Nil(t, v.Failure)
}

func TestTensorDifference(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	f := func(v ...float32) *tensor.Tensor { return tensor.Vector(v...) }
	for name, c := range map[string]struct {
		want, got *tensor.Tensor
		worst     float64
		err       float64
	}{
		"same":             {f(1, 2), f(1, 2), 0, 0},
		"apart":            {f(1, -4), f(1, -3), 1, 0.25},
		"not numbers":      {f(1, nan, inf), f(1, nan, inf), 0, 0},
		"a number and not": {f(1, 2), f(1, nan), math.MaxFloat64, math.MaxFloat64},
		"overflow":         {f(1, inf), f(1, 3e38), math.MaxFloat64, math.MaxFloat64},
		"shapes":           {f(1, 2), f(1), math.MaxFloat64, math.MaxFloat64},
		"types":            {f(1), tensor.Vector(1.0), math.MaxFloat64, math.MaxFloat64},
		"integers":         {tensor.Vector[int64](1, 2), tensor.Vector[int64](1, 3), math.MaxFloat64, math.MaxFloat64},
		"same integers":    {tensor.Vector[int64](1, 2), tensor.Vector[int64](1, 2), 0, 0},
		"doubles":          {tensor.Vector(2.0, 0), tensor.Vector(2.0, 1), 1, 0.5},
		"all but zero":     {f(0, 0), f(0, 1e-12), float64(float32(1e-12)), float64(float32(1e-12)) / leastPeak},
		"empty":            {f(), f(), 0, 0},
	} {
		d := tensorDifference(c.want, c.got)
		require.Equal(t, c.worst, d.Worst, name)
		require.Equal(t, c.err, d.Error, name)
		_, err := json.Marshal(d)
		require.NoError(t, err, name)
	}
	require.Equal(t, []int{1, 0}, tensorDifference(tensor.FromSlice([]float32{1, 1, 1, 1}, 2, 2), tensor.FromSlice([]float32{1, 1, 3, 2}, 2, 2)).At)
}

func TestReport(t *testing.T) {
	g := parse(t, normalized)
	_, r, err := Optimize(context.Background(), g, Options{Level: passes.O2, Verify: randomSets(t, g, 1)})
	require.NoError(t, err)
	r.Model, r.VerifiedOn = "<script>", "one & all"
	r.Passes = append(r.Passes, passes.Stat{Pass: "fold", Misses: map[string]int{"too <small>": 2}}, passes.Stat{Pass: "bottleneck", Hits: 1, Rewrites: []passes.Rewrite{
		{Node: "conv1", Form: "reduce", Ranks: []int{16}, Error: 0.125, Calibration: 64, MACsBefore: 120422400, MACsAfter: 12443648},
		{Node: "conv2", Skipped: "it would be slower"},
	}})
	dir := t.TempDir()
	require.NoError(t, r.Save(filepath.Join(dir, "r.html")))
	page, err := os.ReadFile(filepath.Join(dir, "r.html"))
	require.NoError(t, err)
	for _, want := range []string{"120,422,400", "12,443,648", "12.5 % on 64 images", "left alone: it would be slower", "2: too &lt;small&gt;", "one &amp; all", "&lt;script&gt;", "Within the tolerance"} {
		require.Contains(t, string(page), want)
	}
	require.NotContains(t, string(page), "http", "the page needs nothing else")
	require.NotContains(t, string(page), "<script>")
	var b bytes.Buffer
	require.NoError(t, r.WriteJSON(&b))
	var back Report
	require.NoError(t, json.Unmarshal(b.Bytes(), &back))
	require.Equal(t, r.Passes, back.Passes)
	require.ErrorContains(t, r.Save(filepath.Join(dir, "r.txt")), `unknown kind of file ".txt"`)
	require.Equal(t, ReportRow{"nodes", "7", "2", "-71.4 %"}, r.Table()[0])
}

func TestHistoryThatMakesNoSense(t *testing.T) {
	g := parse(t, normalized)
	g.SetMeta(PassesKey, "{")
	_, err := History(g)
	require.ErrorContains(t, err, `onnxrun: metadata "onnxrun.passes": `)
	out, _, err := Optimize(context.Background(), g, Options{Level: passes.O1})
	require.NoError(t, err)
	text, _ := out.Meta(PassesKey)
	require.True(t, strings.HasPrefix(text, `[{"level":"-O1","passes":[{"pass":"`), text)
}

// A node whose multiplications nobody can count leaves a report without their sum.
func TestUncountedMACs(t *testing.T) {
	g := parse(t, `graph "open" opset 17 (%x: float32[N,3,H,8]) -> (%z) {
  %w: float32[4,3,1,1] = const splat(0.5)
  %l: float32[4,2] = const splat(0.5)
  %y = Conv(%x, %w) "conv"
  %p = GlobalAveragePool(%y) "pool"
  %f = Flatten(%p) "flat"
  %z = MatMul(%f, %l) "linear"
}`)
	_, r, err := Optimize(t.Context(), g, Options{Level: passes.O2})
	require.NoError(t, err)
	require.Zero(t, r.Before.MACs)
	require.Zero(t, r.After.MACs)
}
