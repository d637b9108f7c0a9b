package train_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/train"
	"github.com/onnxrun/onnxrun/vision"
)

// bars is a source of images of one bright row in noise; the class is the row.
type bars struct{ steps, batch int }

func (s bars) Steps() int { return s.steps }

func (s bars) Epoch(_ context.Context, epoch, from int) iter.Seq2[*vision.Batch, error] {
	return func(yield func(*vision.Batch, error) bool) {
		for i := from; i < s.steps; i++ {
			if !yield(s.load(epoch, i), nil) {
				return
			}
		}
	}
}

func (s bars) load(epoch, i int) *vision.Batch {
	rng := rand.New(rand.NewPCG(uint64(epoch), uint64(i)))
	b := &vision.Batch{Index: i, X: tensor.New(tensor.Float32, s.batch, 1, 8, 8), Targets: tensor.New(tensor.Float32, s.batch, 4)}
	x := tensor.Data[float32](b.X)
	for k := range x {
		x[k] = float32(rng.NormFloat64()) * 0.5
	}
	for k := range s.batch {
		class := rng.IntN(4)
		b.Classes = append(b.Classes, class)
		tensor.Data[float32](b.Targets)[4*k+class] = 1
		for col := range 8 {
			x[64*k+8*(2*class)+col] += 1
		}
	}
	return b
}

// small is a network with all that keeps state: normalization, dropout, several layers.
func small(t *testing.T) *ir.Graph {
	l := &layers{t, ir.NewGraph("small")}
	x, err := l.g.AddInput("image", ir.Type{DType: tensor.Float32, Shape: ir.Shape{ir.Symbol("N"), ir.Known(1), ir.Known(8), ir.Known(8)}})
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(1, 1))
	weights := func(shape ...int) *ir.Value {
		w := tensor.New(tensor.Float32, shape...)
		fan := w.Len() / shape[0]
		for i := range tensor.Data[float32](w) {
			tensor.Data[float32](w)[i] = float32(rng.NormFloat64() * math.Sqrt(2/float64(fan)))
		}
		return constant(t, l.g, w)
	}
	ones := func(n int, v float32) *ir.Value {
		w := tensor.New(tensor.Float32, n)
		for i := range tensor.Data[float32](w) {
			tensor.Data[float32](w)[i] = v
		}
		return constant(t, l.g, w)
	}
	conv := set(func(a *ops.Conv) { a.Pads = []int{1, 1, 1, 1} })
	x = appendNode(t, l.g, conv, x, weights(8, 1, 3, 3))
	x = appendNode(t, l.g, ir.New[ops.BatchNormalization](), x, ones(8, 1), ones(8, 0), ones(8, 0), ones(8, 1))
	x = l.relu(x)
	x = appendNode(t, l.g, set(func(a *ops.MaxPool) { a.KernelShape, a.Strides = []int{2, 2}, []int{2, 2} }), x)
	x = appendNode(t, l.g, ir.New[ops.Flatten](), x)
	x = appendNode(t, l.g, &ops.Dropout{}, x, constant(t, l.g, tensor.Scalar(float32(0.25))))
	x = appendNode(t, l.g, &ops.Gemm{Alpha: 1, Beta: 1, TransB: true}, x, weights(4, 128), ones(4, 0))
	l.g.SetOutputs(appendNode(t, l.g, set(func(a *ops.Softmax) { a.Axis = 1 }), x))
	return l.g
}

func trainer(t *testing.T, opts train.Options) *train.Trainer {
	t.Helper()
	tr, err := train.New(t.Context(), small(t), opts)
	require.NoError(t, err)
	t.Cleanup(tr.Close)
	return tr
}

// All optimizers learn what bars are, on images that they have not seen.
func TestFitLearns(t *testing.T) {
	for _, c := range []struct {
		optimizer train.Optimizer
		rate      float64
	}{
		{train.Optimizer{}, 0.2},
		{train.Optimizer{Momentum: 0.9, Decay: 1e-4}, 0.05},
		{train.Optimizer{Momentum: 0.9, Nesterov: true, Clip: 1}, 0.05},
		{train.Optimizer{Kind: train.Adam}, 0.01},
		{train.Optimizer{Kind: train.AdamW, Decay: 0.01}, 0.01},
	} {
		t.Run(fmt.Sprint(c.optimizer), func(t *testing.T) {
			tr := trainer(t, train.Options{Optimizer: c.optimizer, Seed: 1})
			var records []train.Record
			h, err := tr.Fit(t.Context(), bars{20, 16}, train.FitOptions{Epochs: 3, Rate: c.rate, Epoch: func(r train.Record) { records = append(records, r) }})
			require.NoError(t, err)
			require.Equal(t, records, h.Epochs)
			require.Less(t, h.Epochs[2].Train.Loss, h.Epochs[0].Train.Loss/2)
			g, err := tr.Model()
			require.NoError(t, err)
			require.NoError(t, ir.Verify(g))
			m, err := train.Judge(t.Context(), g, bars{10, 16}, runtime.Options{})
			require.NoError(t, err)
			require.Equal(t, 160, m.Images)
			require.Greater(t, m.Accuracy, 0.97)
		})
	}
}

// weights is all that steps change, by name.
func weights(tr *train.Trainer) map[string][]float32 {
	all := map[string][]float32{}
	for _, s := range tr.State() {
		all[s.Name] = append([]float32(nil), tensor.Data[float32](s.Tensor)...)
	}
	return all
}

// stopping ends a run after some steps.
func stopping(ctx context.Context, steps int) (context.Context, func(train.Progress)) {
	ctx, cancel := context.WithCancel(ctx)
	return ctx, func(train.Progress) {
		if steps--; steps == 0 {
			cancel()
		}
	}
}

// A run that is stopped anywhere, often, and goes on from its checkpoints ends with the same bits as one that is not.
func TestResumeIsBitIdentical(t *testing.T) {
	src := bars{7, 8}
	judge := func(ctx context.Context, g *ir.Graph) (train.Metrics, error) {
		return train.Judge(ctx, g, bars{2, 8}, runtime.Options{})
	}
	opts := train.Options{Optimizer: train.Optimizer{Kind: train.AdamW, Decay: 0.01}, Seed: 5}
	schedule, err := train.ParseSchedule("one-cycle")
	require.NoError(t, err)
	run := train.FitOptions{Epochs: 4, Rate: 0.01, Schedule: schedule, Warmup: 1, Validate: judge, Best: true, Identity: map[string]string{"data": "bars"}}
	whole := trainer(t, opts)
	want, err := whole.Fit(t.Context(), src, run)
	require.NoError(t, err)

	rng := rand.New(rand.NewPCG(3, 3))
	run.Checkpoint, run.Resume = filepath.Join(t.TempDir(), "run.onnx"), true
	for stops := 0; ; stops++ {
		tr := trainer(t, opts)
		ctx, step := stopping(t.Context(), 1+rng.IntN(9))
		run.Step = step
		got, err := tr.Fit(ctx, src, run)
		if errors.Is(err, context.Canceled) {
			require.FileExists(t, run.Checkpoint)
			require.Less(t, stops, 40)
			continue
		}
		require.NoError(t, err)
		require.Greater(t, stops, 2)
		require.Equal(t, weights(whole), weights(tr))
		require.Equal(t, want.Best, got.Best)
		for i := range want.Epochs {
			require.Equal(t, want.Epochs[i].Train, got.Epochs[i].Train)
			require.Equal(t, want.Epochs[i].Val, got.Epochs[i].Val)
		}
		break
	}
	g, err := importer.Open(run.Checkpoint) // runs like any other model
	require.NoError(t, err)
	m, err := judge(t.Context(), g)
	require.NoError(t, err)
	require.Equal(t, *want.Epochs[3].Val, m)
}

func TestCheckpointOfAnotherRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.onnx")
	run := train.FitOptions{Epochs: 2, Rate: 0.01, Checkpoint: path, Resume: true, Identity: map[string]string{"data": "one", "rate": "2"}}
	begin := func(opts train.Options, run train.FitOptions) error {
		_, err := trainer(t, opts).Fit(t.Context(), bars{2, 4}, run)
		return err
	}
	require.NoError(t, begin(train.Options{}, run))
	var at *train.CheckpointError
	require.ErrorAs(t, begin(train.Options{Optimizer: train.Optimizer{Momentum: 0.9}}, run), &at)
	require.ErrorContains(t, at, "another model, loss or optimizer")
	run.Identity = map[string]string{"data": "one", "rate": "3", "seed": "1"}
	require.ErrorAs(t, begin(train.Options{}, run), &at)
	require.ErrorContains(t, at, "other data or settings: rate was 2, is 3:")
	require.NoError(t, os.WriteFile(path, []byte("no model"), 0o644))
	require.Error(t, begin(train.Options{}, run))
}

// A loss that is not finite names step, rate and node, and changes nothing.
func TestNonFiniteLoss(t *testing.T) {
	tr := trainer(t, train.Options{Optimizer: train.Optimizer{Momentum: 0.9}})
	before := weights(tr)
	b := bars{1, 4}.load(0, 0)
	tensor.Data[float32](b.X)[3] = float32(math.Inf(1))
	_, err := tr.Step(t.Context(), 0.5, map[string]*tensor.Tensor{"image": b.X, train.Targets: b.Targets})
	var at *train.NonFiniteError
	require.ErrorAs(t, err, &at)
	require.Equal(t, train.NonFiniteError{Step: 1, Rate: 0.5, Node: "image"}, *at)
	require.Equal(t, before, weights(tr))
	require.Zero(t, tr.Steps())

	b = bars{1, 4}.load(0, 0)
	for i := range tensor.Data[float32](b.X) {
		tensor.Data[float32](b.X)[i] *= 1e38
	}
	_, err = tr.Step(t.Context(), 0.5, map[string]*tensor.Tensor{"image": b.X, train.Targets: b.Targets})
	require.ErrorAs(t, err, &at)
	require.Equal(t, "Conv", at.Op)
	require.Equal(t, before, weights(tr))
}

// The rate that is found is one that learns, and finding it leaves the trainer as it was.
func TestFindRate(t *testing.T) {
	tr := trainer(t, train.Options{Optimizer: train.Optimizer{Momentum: 0.9}, Seed: 1})
	before := weights(tr)
	c, err := tr.FindRate(t.Context(), bars{20, 16}, nil, 1e-5, 10, 100)
	require.NoError(t, err)
	require.Equal(t, before, weights(tr))
	require.Zero(t, tr.Steps())
	require.InDelta(t, 1e-5, c.Rates[0], 1e-12)
	require.Equal(t, len(c.Rates), len(c.Losses))
	h, err := tr.Fit(t.Context(), bars{20, 16}, train.FitOptions{Epochs: 3, Rate: c.Pick})
	require.NoError(t, err)
	require.Greater(t, h.Epochs[2].Train.Accuracy, 0.95, "at a rate of %v", c.Pick)
	_, err = tr.FindRate(t.Context(), bars{20, 16}, nil, 0, 10, 60)
	require.EqualError(t, err, "train: rates from 0 to 10 in 60 steps: expects 0 < low < high and at least 2 steps")
}

// Dropout drops while a model is taught, and is still there, and nothing, in the model that comes out.
func TestDropoutIsKept(t *testing.T) {
	b := bars{1, 16}.load(0, 0)
	batch := map[string]*tensor.Tensor{"image": b.X, train.Targets: b.Targets}
	var losses []float64
	for seed := range uint64(2) {
		tr := trainer(t, train.Options{Seed: seed})
		r, err := tr.Step(t.Context(), 1e-9, batch)
		require.NoError(t, err)
		losses = append(losses, r.Loss)
		g, err := tr.Model()
		require.NoError(t, err)
		kept := 0
		for _, n := range g.Nodes() {
			if n.OpName() == "Dropout" {
				require.Nil(t, n.In(2))
				kept++
			}
		}
		require.Equal(t, 1, kept)
	}
	require.NotEqual(t, losses[0], losses[1])
}

// A gradient that is not finite though the loss is stops a run that bounds gradients, too, and changes nothing.
func TestNonFiniteGradient(t *testing.T) {
	loss := func(b *train.Builder, scores *ir.Value) *ir.Value { // the root's slope at 0 is infinite
		return b.Do(&ops.ReduceMean{}, b.Do(&ops.Sqrt{}, b.Do(&ops.Mul{}, scores, b.Number(0))))
	}
	tr := trainer(t, train.Options{Loss: loss, Optimizer: train.Optimizer{Momentum: 0.9, Clip: 1}})
	before := weights(tr)
	_, err := tr.Step(t.Context(), 0.1, map[string]*tensor.Tensor{"image": bars{1, 4}.load(0, 0).X})
	var at *train.NonFiniteError
	require.ErrorAs(t, err, &at)
	require.True(t, at.Gradient)
	require.ErrorContains(t, err, "the gradient of parameter")
	require.Equal(t, before, weights(tr))
	require.Zero(t, tr.Steps())
}

// A profile has the way forward, the way back and the updates, and leaves the trainer as it was.
func TestProfile(t *testing.T) {
	tr := trainer(t, train.Options{Optimizer: train.Optimizer{Momentum: 0.9}, Seed: 1})
	b := bars{1, 4}.load(0, 0)
	batch := map[string]*tensor.Tensor{"image": b.X, train.Targets: b.Targets}
	_, err := tr.Step(t.Context(), 0.1, batch)
	require.NoError(t, err)
	before := map[string]*tensor.Tensor{}
	for _, s := range tr.State() {
		before[s.Name] = s.Tensor.Clone()
	}
	parts, err := tr.Profile(t.Context(), 2, batch)
	require.NoError(t, err)
	ops := map[string]bool{}
	for _, p := range parts {
		ops[p.Node.Op.Def().Name] = true
		require.Positive(t, p.Bytes, p.Node.Name)
	}
	require.Subset(t, slices.Collect(maps.Keys(ops)), []string{"Conv", "ConvGradWeights", "Momentum"})
	require.EqualValues(t, 1, tr.Steps())
	for _, s := range tr.State() {
		require.Equal(t, before[s.Name], s.Tensor, s.Name)
	}
	_, err = tr.Profile(t.Context(), 1, nil)
	require.ErrorContains(t, err, "is missing")
}
