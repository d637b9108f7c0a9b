package exporter

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/importer/onnxpb"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// heavy is a model of one product.
func heavy(t *testing.T, seed float32) *ir.Graph { return product(t, seed, 300) }

// product is a model of one product, from size values to one more.
func product(t *testing.T, seed float32, size int) *ir.Graph {
	g := ir.NewGraph("heavy")
	x, err := g.AddInput("x", ir.Type{DType: tensor.Float32, Shape: ir.Shape{ir.Symbol("N"), ir.Known(size)}})
	require.NoError(t, err)
	weights := random(size, size+1)
	tensor.Data[float32](weights)[0] = seed
	w, err := g.AddConst("w", weights)
	require.NoError(t, err)
	b, err := g.AddConst("b", random(size+1))
	require.NoError(t, err)
	small, err := g.AddConst("small", tensor.Vector[float32](seed))
	require.NoError(t, err)
	n, err := g.Append("fc", ir.New[ops.Gemm](), []*ir.Value{x, w, b}, []string{"y"})
	require.NoError(t, err)
	n, err = g.Append("scale", &ops.Mul{}, []*ir.Value{n.Out(0), small}, []string{"z"})
	require.NoError(t, err)
	g.SetOutputs(n.Out(0))
	return g
}

func TestExternalData(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	g := heavy(t, 3)
	require.NoError(t, WriteFile(g, path, Options{ExternalData: true}))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Less(t, info.Size(), int64(1000))
	h, err := importer.Open(path)
	require.NoError(t, err)
	for _, name := range []string{"w", "b", "small"} {
		require.True(t, g.Value(name).Const().Equal(h.Value(name).Const()), name)
	}
	// Written again over the files that its weights are read from, it is the same.
	before := contents(t, dir)
	require.NoError(t, WriteFile(h, path, Options{ExternalData: true}))
	require.Equal(t, before, contents(t, dir))
}

// contents is the files of a folder.
func contents(t *testing.T, dir string) map[string]string {
	files := map[string]string{}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		files[e.Name()] = string(data)
	}
	return files
}

// A model that cannot take its place leaves the weights of the one that is there.
func TestModelAndWeightsGoTogether(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	require.NoError(t, os.Mkdir(path, 0o755)) // no file can take its place
	require.NoError(t, os.WriteFile(path+".data", []byte("old weights"), 0o644))
	require.Error(t, WriteFile(heavy(t, 1), path, Options{ExternalData: true}))
	data, err := os.ReadFile(path + ".data")
	require.NoError(t, err)
	require.Equal(t, "old weights", string(data))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 2)
}

type brokenWriter struct{ room int }

var errBroken = errors.New("broken pipe")

func (w *brokenWriter) Write(p []byte) (int, error) {
	if w.room -= len(p); w.room < 0 {
		return 0, errBroken
	}
	return len(p), nil
}

func TestBrokenWriter(t *testing.T) {
	for _, room := range []int{0, 100_000} {
		require.ErrorIs(t, Write(&brokenWriter{room}, heavy(t, 1), Options{}), errBroken)
	}
}

func TestTooLarge(t *testing.T) {
	m, err := encode(heavy(t, 1), Options{})
	require.NoError(t, err)
	require.False(t, m.tooLarge())
	raw := make([]byte, 1<<28)
	for range 8 {
		m.weights = append(m.weights, weight{&onnxpb.TensorProto{Name: "w", DataType: 1}, raw})
	}
	require.True(t, m.tooLarge())
	require.ErrorIs(t, m.write(io.Discard), ErrTooLarge)
	m.external("m.onnx.data")
	require.False(t, m.tooLarge())
	require.NoError(t, m.write(io.Discard))
}

// What a file says beyond the graph is in the file that is written of it.
func TestWhatSurvives(t *testing.T) {
	g := heavy(t, 1)
	g.Doc, g.Opset = "of the model", 13
	g.Origin = ir.Origin{Producer: "pytorch", ProducerVersion: "2.9", Domain: "org.example", Version: 3, GraphDoc: "of the graph"}
	g.SetMeta("onnxrun.labels", "[]")
	g.Nodes()[0].Doc = "of a node"
	_, err := g.AddConst("idle", tensor.Vector[float32](1))
	require.NoError(t, err)
	n, err := g.Append("found", &ops.NonZero{}, g.Outputs(), []string{"found"})
	require.NoError(t, err)
	g.SetOutputs(g.Outputs()[0], n.Out(0))
	g.Declare("found", ir.Type{DType: tensor.Int64, Shape: ir.Shape{ir.Known(2), ir.Symbol("places")}})
	var a, b, c bytes.Buffer
	require.NoError(t, Write(&a, g, Options{}))
	require.NoError(t, Write(&b, g, Options{}))
	require.Equal(t, a.Bytes(), b.Bytes())
	h, err := importer.Read(bytes.NewReader(a.Bytes()))
	require.NoError(t, err)
	require.NoError(t, Write(&c, h.Clone(), Options{}))
	require.Equal(t, a.Bytes(), c.Bytes())
	require.Equal(t, g.Doc, h.Doc)
	require.Equal(t, g.Origin, h.Origin)
	require.Equal(t, g.Metadata, h.Metadata)
	require.Equal(t, 13, h.Opset)
	require.Equal(t, "of a node", h.Nodes()[0].Doc)
	require.NotNil(t, h.Value("idle"))
	require.Equal(t, "[N,301]", h.OutputType(h.Outputs()[0]).Shape.String())
	require.Equal(t, "[2,places]", h.OutputType(h.Outputs()[1]).Shape.String())
}

// Runtimes read a file only if its format is not newer than what came with its opset.
func TestFormatOfOldOpsets(t *testing.T) {
	for opset, want := range map[int]int64{7: 3, 8: 3, 9: 4, 10: 5, 11: 6, 12: 7, 13: 7, 14: 7, 15: 8, 18: 8, 19: 9, 20: 9, 21: 10, 22: 10, 23: 11, 24: 12} {
		m, err := encode(heavy(t, 1), Options{Opset: opset})
		require.NoError(t, err)
		require.Equal(t, want, m.head.IrVersion)
		inputs := len(m.graph.Input)
		if want < 4 {
			require.Equal(t, 4, inputs) // an initializer was an input with a value
		} else {
			require.Equal(t, 1, inputs)
		}
	}
}
