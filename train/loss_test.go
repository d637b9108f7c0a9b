package train_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/train"
)

// torchFigures is what testdata/torch_losses.py writes.
type torchFigures struct {
	Losses map[string]struct {
		Loss      float64
		Gradients [][]float64
	}
	Optimizers map[string][][]float64 // parameters after five steps
	Schedules  map[string][]float64
}

func figures(t *testing.T) (f torchFigures) {
	data, err := os.ReadFile("testdata/torch_losses.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &f))
	return f
}

// two is the network of testdata/torch_losses.py: N×4 become N×3, by way of "hidden", N×5.
func two(t *testing.T) *ir.Graph {
	g := ir.NewGraph("two")
	x, err := g.AddInput("x", ir.Type{DType: tensor.Float32, Shape: ir.Shape{ir.Symbol("N"), ir.Known(4)}})
	require.NoError(t, err)
	linear := func(name string, x *ir.Value, w, b *tensor.Tensor) *ir.Value {
		vw, err := g.AddConst(name+".w", w)
		require.NoError(t, err)
		vb, err := g.AddConst(name+".b", b)
		require.NoError(t, err)
		n, err := g.Append(name, &ops.Gemm{Alpha: 1, Beta: 1, TransB: true}, []*ir.Value{x, vw, vb}, []string{name})
		require.NoError(t, err)
		return n.Out(0)
	}
	h, err := g.Append("hidden", &ops.Relu{}, []*ir.Value{linear("fc1", x, scatter(1, 1, 5, 4), scatter(0.5, 2, 5))}, []string{"hidden"})
	require.NoError(t, err)
	g.SetOutputs(linear("fc2", h.Out(0), scatter(1, 3, 3, 5), scatter(0.5, 4, 3)))
	return g
}

// sixImages is the batch of testdata/torch_losses.py; of mixed targets, each has a quarter of that at the other end.
func sixImages(mixed bool) map[string]*tensor.Tensor {
	targets := tensor.New(tensor.Float32, 6, 3)
	for i := range 6 {
		if class := 2 * i % 3; mixed {
			tensor.Data[float32](targets)[3*i+class] += 0.75
			tensor.Data[float32](targets)[3*(5-i)+class] += 0.25
		} else {
			tensor.Data[float32](targets)[3*i+class] = 1
		}
	}
	return map[string]*tensor.Tensor{
		"x": scatter(1.5, 5, 6, 4), train.Targets: targets,
		train.Teacher: scatter(3, 7, 6, 3), train.Teacher + "/hidden": scatter(1, 8, 6, 5),
	}
}

// Losses and their gradients are PyTorch's.
func TestLossesArePyTorchs(t *testing.T) {
	weights, plain := []float32{0.5, 2, 1.25}, train.CrossEntropy(0, nil)
	losses := map[string]train.Loss{
		"cross-entropy":              plain,
		"mixed targets":              plain,
		"smoothing":                  train.CrossEntropy(0.1, nil),
		"smoothing of mixed targets": train.CrossEntropy(0.2, nil),
		"weights":                    train.CrossEntropy(0, weights),
		"weights and smoothing":      train.CrossEntropy(0.1, weights),
		"mean squared error":         train.MeanSquaredError(),
		"distillation":               train.Distill(plain, train.Distillation{Weight: 0.7}),
		"distillation alone at 2":    train.Distill(plain, train.Distillation{Weight: 1, Temperature: 2}),
		"features":                   train.Distill(plain, train.Distillation{Features: []string{"hidden"}, FeatureWeight: 0.5}),
		"distillation and features":  train.Distill(plain, train.Distillation{Weight: 0.5, Temperature: 3, Features: []string{"hidden"}, FeatureWeight: 2}),
	}
	want := figures(t).Losses
	require.Len(t, want, len(losses))
	for name, loss := range losses {
		t.Run(name, func(t *testing.T) {
			tr, err := train.New(t.Context(), two(t), train.Options{Loss: loss, Gradients: true})
			require.NoError(t, err)
			defer tr.Close()
			all, feeds := sixImages(name == "mixed targets" || name == "smoothing of mixed targets"), map[string]*tensor.Tensor{}
			for _, name := range tr.Feeds() {
				feeds[name] = all[name]
			}
			got, err := tr.Step(t.Context(), 0, feeds)
			require.NoError(t, err)
			require.InDelta(t, want[name].Loss, got.Loss, 1e-6*(1+want[name].Loss))
			for i, parameter := range []string{"fc1.w", "fc1.b", "fc2.w", "fc2.b"} {
				for k, v := range tensor.Data[float32](got.Gradients[parameter]) {
					require.InDelta(t, want[name].Gradients[i][k], v, 2e-6, "%s %d", parameter, k)
				}
			}
		})
	}
}

// Five steps of each optimizer end where PyTorch's do.
func TestOptimizersArePyTorchs(t *testing.T) {
	optimizers := map[string]train.Optimizer{
		"momentum": {Momentum: 0.9, Decay: 0.1},
		"nesterov": {Kind: train.SGD, Momentum: 0.9, Nesterov: true, Decay: 0.1},
		"clipped":  {Momentum: 0.9, Decay: 0.1, Clip: 0.5},
		"adam":     {Kind: train.Adam, Decay: 0.1},
		"adamw":    {Kind: train.AdamW, Decay: 0.1},
	}
	want := figures(t).Optimizers
	require.Len(t, want, len(optimizers))
	for name, optimizer := range optimizers {
		tr, err := train.New(t.Context(), two(t), train.Options{Optimizer: optimizer})
		require.NoError(t, err)
		defer tr.Close()
		feeds := sixImages(false)
		for range 5 {
			_, err := tr.Step(t.Context(), 0.1, map[string]*tensor.Tensor{"x": feeds["x"], train.Targets: feeds[train.Targets]})
			require.NoError(t, err)
		}
		got := weights(tr)
		for i, parameter := range []string{"fc1.w", "fc1.b", "fc2.w", "fc2.b"} {
			for k, v := range got[parameter] {
				require.InDelta(t, want[name][i][k], v, 1e-5, "%s: %s %d", name, parameter, k)
			}
		}
	}
}

func TestLossErrors(t *testing.T) {
	plain := train.CrossEntropy(0, nil)
	for _, c := range []struct {
		loss train.Loss
		want string
	}{
		{train.CrossEntropy(1, nil), "train: loss: label smoothing is 1, expects 0 to 1"},
		{train.CrossEntropy(math.NaN(), nil), "train: loss: label smoothing is NaN, expects 0 to 1"},
		{train.CrossEntropy(0, []float32{1, 2}), "train: loss: 2 class weights for 3 classes"},
		{train.CrossEntropy(0, []float32{1, -2, 1}), "train: loss: class weights are [1 -2 1], expects numbers of at least 0"},
		{train.Distill(plain, train.Distillation{Weight: 2}), "train: loss: distillation: weight is 2, expects 0 to 1"},
		{train.Distill(plain, train.Distillation{Temperature: -1}), "train: loss: distillation: temperature is -1, expects a number above 0"},
		{train.Distill(plain, train.Distillation{FeatureWeight: -1}), "train: loss: distillation: weight of features is -1, expects a number of at least 0"},
		{
			train.Distill(plain, train.Distillation{Features: []string{"hiden"}}),
			`train: loss: train: value "hiden": not found; nearest: "hidden"`,
		},
		{func(b *train.Builder, _ *ir.Value) *ir.Value { return nil }, "train: loss: is no value of the builder"},
		{func(b *train.Builder, scores *ir.Value) *ir.Value { return scores }, "train: loss: has type float32[N,3], expects one float32 number"},
		{
			func(b *train.Builder, scores *ir.Value) *ir.Value {
				b.Fail("the first %s", "fault")
				b.Fail("another")
				return b.Do(&ops.Add{}, scores, b.Number(1))
			}, "train: loss: the first fault",
		},
		{
			func(b *train.Builder, _ *ir.Value) *ir.Value {
				return b.Input("hidden", ir.Type{DType: tensor.Float32, Shape: ir.Shape{}})
			}, `train: loss: input "hidden": the model has a value of that name`,
		},
	} {
		_, err := train.New(t.Context(), two(t), train.Options{Loss: c.loss})
		require.ErrorContains(t, err, c.want)
	}
}

// Nothing of a batch counts where all of its classes have weight 0: there is no loss, and the step changes nothing.
func TestBatchWithoutWeight(t *testing.T) {
	tr, err := train.New(t.Context(), two(t), train.Options{Loss: train.CrossEntropy(0, []float32{0, 1, 0})})
	require.NoError(t, err)
	defer tr.Close()
	before := weights(tr)
	targets := tensor.FromSlice([]float32{1, 0, 0, 0, 0, 1}, 2, 3)
	_, err = tr.Step(t.Context(), 0.1, map[string]*tensor.Tensor{"x": scatter(1, 5, 2, 4), train.Targets: targets})
	var at *train.NonFiniteError
	require.ErrorAs(t, err, &at)
	require.Equal(t, "Div", at.Op)
	require.Equal(t, before, weights(tr))
}
