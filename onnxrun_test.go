package onnxrun

import (
	"bytes"
	"context"
	"encoding/csv"
	"os"
	"path/filepath"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/internal/modelinfo"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/vision"
	"github.com/onnxrun/onnxrun/zoo"
)

func parse(t testing.TB, text string) *ir.Graph {
	g, err := ir.Parse(text, ops.Lookup)
	require.NoError(t, err)
	return g
}

func lenet(t *testing.T, opts Options) *Model {
	m, err := Open(t.Context(), "testdata/lenet5.onnx", opts)
	require.NoError(t, err)
	t.Cleanup(m.Close)
	return m
}

func digit(t *testing.T, name string) *vision.Image {
	img, err := vision.DecodeFile("testdata/" + name + ".png")
	require.NoError(t, err)
	return img
}

func TestSelfDescribingModel(t *testing.T) {
	m := lenet(t, Options{})
	require.Empty(t, m.Notes())
	require.Equal(t, vision.DigitLabels(), m.Labels())
	require.Equal(t, 28, m.Preprocess().Width)
	answers, err := m.Classify(context.Background(), 3, digit(t, "three"), digit(t, "nine"))
	require.NoError(t, err)
	require.Equal(t, "3", answers[0][0].Label)
	require.Equal(t, "9", answers[1][0].Label)
	require.Len(t, answers[0], 3)
	require.Greater(t, answers[0][0].Probability, float32(0.9))
}

func TestOptionsOverrideMetadata(t *testing.T) {
	unit, err := vision.Preset("unit")
	require.NoError(t, err)
	m := lenet(t, Options{Preprocess: &unit, Labels: []string{"a", "b"}, Runtime: runtime.Options{Threads: 1}})
	require.Equal(t, 1, m.Preprocess().Channels)
	require.Empty(t, m.Preprocess().Mean)
	require.Equal(t, []string{"a", "b"}, m.Labels())
}

func TestGuesses(t *testing.T) {
	g, err := zoo.Build("squeezenet1_1", zoo.Options{})
	require.NoError(t, err)
	g.Metadata = nil
	m, err := NewModel(g, Options{})
	require.NoError(t, err)
	require.Len(t, m.Notes(), 2)
	require.Contains(t, m.Notes()[0], "preprocessing is a guess (preset imagenet")
	require.Equal(t, "tench", m.Labels()[0])
	g.SetMeta(modelinfo.PreprocessKey, "{")
	_, err = NewModel(g, Options{})
	require.ErrorContains(t, err, `onnxrun: metadata "onnxrun.preprocess": vision: preprocessing: `)
	g.Metadata = nil
	g.SetMeta(modelinfo.LabelsKey, "[")
	_, err = NewModel(g, Options{})
	require.ErrorContains(t, err, `onnxrun: metadata "onnxrun.labels": vision: labels: `)
}

// Features computes a layer named by its node or its value, and nothing behind it.
func TestFeatures(t *testing.T) {
	m := lenet(t, Options{})
	for layer, shape := range map[string][]int{"C1": {2, 6, 28, 28}, "F6/tanh": {2, 84}, "prob": {2, 10}} {
		set, err := m.Features(context.Background(), layer, vision.Pictures(digit(t, "one"), digit(t, "two")))
		require.NoError(t, err)
		require.Equal(t, shape, set.Data.Shape())
	}
	s, err := m.sessions.open(t.Context(), m.graph.Value("C1"))
	require.NoError(t, err)
	require.Len(t, s.Outputs(), 1)
	_, err = m.Features(context.Background(), "F7", vision.Pictures(digit(t, "one")))
	var name *runtime.NameError
	require.ErrorAs(t, err, &name)
	require.ErrorContains(t, err, `layer "F7": not found; nearest: "F6"`)
}

func TestFeatureFiles(t *testing.T) {
	set := &FeatureSet{Layer: "x", Images: []string{"a.png", "b,c.png"}, Data: tensor.FromSlice([]float32{1, 0.5, -2, 3e-8}, 2, 2)}
	dir := t.TempDir()
	for _, ext := range []string{".npy", ".csv", ".parquet"} {
		require.NoError(t, set.Save(filepath.Join(dir, "f"+ext)))
	}
	f, err := os.Open(filepath.Join(dir, "f.npy"))
	require.NoError(t, err)
	defer f.Close()
	x, err := tensor.ReadNPY(f)
	require.NoError(t, err)
	require.True(t, set.Data.Equal(x))
	text, err := os.ReadFile(filepath.Join(dir, "f.csv"))
	require.NoError(t, err)
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	require.NoError(t, err)
	require.Equal(t, [][]string{{"image", "f0", "f1"}, {"a.png", "1", "0.5"}, {"b,c.png", "-2", "3e-08"}}, rows)
	read, err := parquet.ReadFile[parquetRow](filepath.Join(dir, "f.parquet"))
	require.NoError(t, err)
	require.Equal(t, []parquetRow{{"a.png", []float32{1, 0.5}}, {"b,c.png", []float32{-2, 3e-8}}}, read)
	require.ErrorContains(t, set.Save(filepath.Join(dir, "f.txt")), `unknown kind of file ".txt"`)
	require.Error(t, set.Save(filepath.Join(dir, "no", "f.npy")))
}

func TestModelsThatTakeNoImage(t *testing.T) {
	g := ir.NewGraph("g")
	x, err := g.AddInput("x", ir.Type{DType: tensor.Float32, Shape: ir.Dims(2, 3)})
	require.NoError(t, err)
	n, err := g.Append("r", ir.New[ops.Relu](), []*ir.Value{x}, []string{"y"})
	require.NoError(t, err)
	g.SetOutputs(n.Out(0))
	_, err = NewModel(g, Options{})
	require.ErrorContains(t, err, "the model does not take one image: its inputs are %x: float32[2,3]")
}

func TestInspectCountsAsPublished(t *testing.T) {
	for name, want := range map[string]int64{"lenet5": 61706, "squeezenet1_1": 1235496, "resnet18": 11689512, "mobilenet_v2": 3504872} {
		g, err := zoo.Build(name, zoo.Options{})
		require.NoError(t, err)
		info, err := Inspect(g)
		require.NoError(t, err)
		require.Equal(t, want, info.Parameters, name)
		require.Positive(t, info.MACs)
		require.Len(t, info.Nodes, len(g.Nodes()))
	}
}

// BenchmarkZoo is one image through each network, without decoding.
func BenchmarkZoo(b *testing.B) {
	for _, name := range []string{"lenet5", "alexnet", "vgg16", "googlenet", "squeezenet1_1", "resnet18", "resnet50", "mobilenet_v2", "densenet121", "shufflenet_v2", "efficientnet_b0", "convnext_tiny", "vit_b_16"} {
		b.Run(name, func(b *testing.B) {
			g, err := zoo.Build(name, zoo.Options{})
			require.NoError(b, err)
			s, err := runtime.Compile(b.Context(), g, runtime.Options{})
			require.NoError(b, err)
			defer s.Close()
			shape := modelinfo.Sizes(s.Inputs()[0])
			shape[0] = 1
			in, out := []*tensor.Tensor{tensor.New(tensor.Float32, shape...)}, make([]*tensor.Tensor, 1)
			require.NoError(b, s.RunInto(context.Background(), in, out))
			info, err := Inspect(g)
			require.NoError(b, err)
			if n := testing.AllocsPerRun(3, func() { s.RunInto(context.Background(), in, out) }); n >= 1 {
				b.Fatalf("%v allocations a run", n)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := s.RunInto(context.Background(), in, out); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(2*float64(info.MACs)/float64(b.Elapsed().Nanoseconds())*float64(b.N), "GFLOP/s")
		})
	}
}

// A node whose shape is not known has multiplications that nobody can count.
func TestUncountedMACs(t *testing.T) {
	g := parse(t, `graph "open" opset 17 (%x: float32[N,3,H,8]) -> (%z) {
  %w: float32[4,3,1,1] = const splat(0.5)
  %l: float32[4,2] = const splat(0.5)
  %y = Conv(%x, %w) "conv"
  %p = GlobalAveragePool(%y) "pool"
  %f = Flatten(%p) "flat"
  %z = MatMul(%f, %l) "linear"
}`)
	info, err := Inspect(g)
	require.NoError(t, err)
	require.EqualValues(t, 4*2, info.MACs)
	require.Equal(t, 1, info.Uncounted)
}

func TestSetMetadata(t *testing.T) {
	g := lenet(t, Options{}).Graph().Clone()
	g.Metadata = nil
	spec, err := vision.Preset("imagenet")
	require.NoError(t, err)
	require.NoError(t, SetMetadata(g, &spec, vision.CIFAR10Labels()))
	m, err := NewModel(g, Options{})
	require.NoError(t, err)
	require.Empty(t, m.Notes())
	require.Equal(t, "airplane", m.Labels()[0])
	require.Equal(t, 1, m.Preprocess().Channels, "fitted to the input")
	require.Equal(t, 28, m.Preprocess().Width)
	require.ErrorContains(t, SetMetadata(g, nil, []string{"a"}), `1 labels for output "prob", which has 10 classes`)
}

func TestPrepare(t *testing.T) {
	m := lenet(t, Options{})
	data, err := vision.OpenDataset("testdata")
	require.NoError(t, err)
	batches, broken, err := m.Prepare(t.Context(), data.Spread(3))
	require.NoError(t, err)
	require.Empty(t, broken)
	require.Len(t, batches, 1)
	require.Equal(t, []int{3, 1, 28, 28}, batches[0].Shape())
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.png"), nil, 0o666))
	data, err = vision.OpenDataset(dir)
	require.NoError(t, err)
	_, broken, err = m.Prepare(t.Context(), data)
	require.Len(t, broken, 1)
	require.ErrorContains(t, err, "0 of 1 images can be read, needs 1")
}
