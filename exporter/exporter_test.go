package exporter

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// Writing and reading again gives the same graph, and writing that the same bytes.
func TestRoundTrip(t *testing.T) {
	g := build(t)
	var a, b bytes.Buffer
	require.NoError(t, Write(&a, g, Options{}))
	h, err := importer.Read(bytes.NewReader(a.Bytes()))
	require.NoError(t, err)
	require.NoError(t, ir.Verify(h))
	require.NoError(t, Write(&b, h, Options{}))
	require.Equal(t, a.Bytes(), b.Bytes())
	require.Equal(t, "conv1", h.Nodes()[0].Name)
	require.Equal(t, []int{1, 1, 1, 1}, h.Nodes()[0].Op.(*ops.Conv).Pads)
	labels, _ := h.Meta("onnxrun.labels")
	require.Equal(t, `["a","b"]`, labels)
	require.True(t, g.Value("w").Const().Equal(h.Value("w").Const()))
	require.Equal(t, g.Inputs()[0].Type(), h.Inputs()[0].Type())
}

func build(t *testing.T) *ir.Graph {
	g := ir.NewGraph("m")
	g.SetMeta("onnxrun.labels", `["a","b"]`)
	x, err := g.AddInput("x", ir.Type{DType: tensor.Float32, Shape: ir.Shape{ir.Symbol("N"), ir.Known(1), ir.Known(3), ir.Known(3)}})
	require.NoError(t, err)
	kernel := tensor.New(tensor.Float32, 2, 1, 3, 3)
	for i := range tensor.Data[float32](kernel) {
		tensor.Data[float32](kernel)[i] = float32(i)
	}
	w, err := g.AddConst("w", kernel)
	require.NoError(t, err)
	op := ir.New[ops.Conv]()
	op.Pads = []int{1, 1, 1, 1}
	n, err := g.Append("conv1", op, []*ir.Value{x, w}, []string{"c"})
	require.NoError(t, err)
	n, err = g.Append("relu1", ir.New[ops.Relu](), n.Outputs(), []string{"y"})
	require.NoError(t, err)
	g.SetOutputs(n.Out(0))
	return g
}

func TestOutputsThatNoNodeMakes(t *testing.T) {
	g := build(t)
	y := g.Outputs()[0]
	g.SetOutputs(y, y, g.Inputs()[0], g.Value("w"))
	var buf bytes.Buffer
	require.NoError(t, Write(&buf, g, Options{}))
	h, err := importer.Read(&buf)
	require.NoError(t, err)
	var names []string
	for _, v := range h.Outputs() {
		names = append(names, v.Name())
	}
	require.Equal(t, []string{"y", "y_out", "x_out", "w"}, names) // an input and an output cannot have one name
}

func TestWriteFileLeavesNothingHalfWritten(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	require.NoError(t, WriteFile(build(t), path, Options{}))
	g, err := importer.Open(path)
	require.NoError(t, err)
	require.NotNil(t, g.Backing())
	require.Error(t, WriteFile(build(t), filepath.Join(dir, "no", "m.onnx"), Options{}))
	require.Error(t, WriteFile(build(t), dir, Options{})) // a folder cannot be replaced by a file
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

func TestTensorFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.pb")
	for _, x := range []*tensor.Tensor{
		tensor.FromSlice([]float32{1, 2, 3, 4, 5, 6}, 2, 3), tensor.Scalar[int64](7), tensor.New(tensor.Float16, 0, 3),
		tensor.Vector("a", "", "ü"), tensor.Vector(true, false), tensor.Vector[tensor.I4](-8, 7, 3), tensor.Vector[tensor.U2](3, 0, 1, 2, 3),
		tensor.New(tensor.Float32, 1000), tensor.Vector(complex64(1 + 2i)),
	} {
		require.NoError(t, WriteTensor(path, "name", x))
		y, name, err := importer.ReadTensor(path)
		require.NoError(t, err)
		require.Equal(t, "name", name)
		require.True(t, x.Equal(y), "%v", x)
	}
}

// Every one of ONNX's own cases that is imported survives a round trip.
func TestRoundTripOfConformanceCases(t *testing.T) {
	root, err := filepath.EvalSymlinks("/usr/include/onnx/backend/test/data") // Debian's libonnx-testdata
	if err != nil {
		t.Skip("ONNX's backend cases are not installed (Debian's libonnx-testdata)")
	}
	count := 0
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "model.onnx" {
			return err
		}
		g, err := importer.Open(path)
		if err != nil {
			return nil // the conformance suite says why
		}
		count++
		var a bytes.Buffer
		require.NoError(t, Write(&a, g, Options{}), path)
		h, err := importer.Read(&a)
		require.NoError(t, err, path)
		require.NoError(t, ir.Verify(h), path)
		if h.Opset == g.Opset && g.Opset >= 13 { // older forms may be other nodes: package conformance compares results
			require.Equal(t, text(t, g), text(t, h), path)
		}
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, count, 150)
}

// text is a graph's text without what a file need not keep: opset, ids, the order of constants.
func text(t *testing.T, g *ir.Graph) []string {
	var lines []string
	for _, n := range g.Nodes() {
		if n.Op.Def().Name != "Identity" {
			lines = append(lines, n.String())
		}
	}
	return lines
}

// A node is written in the opset that is asked for, if need be as others that stand for it. An opset that is left open is
// raised for what it does not have; one that is given is refused.
func TestOpset(t *testing.T) {
	pool := func(change func(*ops.MaxPool)) *ops.MaxPool {
		op := ir.New[ops.MaxPool]()
		op.KernelShape = []int{2, 2}
		change(op)
		return op
	}
	for _, c := range []struct {
		name              string
		op                ir.Op
		dtype             tensor.DType
		own, given, wrote int
		nodes, err        string
	}{
		{"as it is", ir.New[ops.Relu](), tensor.Float32, 0, 0, 21, "Relu", ""},
		{"own", ir.New[ops.Relu](), tensor.Float32, 11, 0, 11, "Relu", ""},
		{"own is too old for the format", ir.New[ops.Relu](), tensor.Float32, 5, 0, 7, "Relu", ""},
		{"own is newer than known", ir.New[ops.Relu](), tensor.Float32, 99, 0, 24, "Relu", ""},
		{"given", ir.New[ops.Relu](), tensor.Float32, 11, 8, 8, "Relu", ""},
		{"raised for a type", ir.New[ops.Relu](), tensor.BFloat16, 9, 0, 13, "Relu", ""},
		{"raised for a type that is the operator's own", ir.New[ops.Relu](), tensor.Int32, 9, 0, 14, "Relu", ""},
		{"raised for a type that came last", pool(func(*ops.MaxPool) {}), tensor.BFloat16, 9, 0, 22, "MaxPool", ""},
		{"raised for an attribute", pool(func(p *ops.MaxPool) { p.Dilations = []int{2, 2} }), tensor.Float32, 7, 0, 10, "MaxPool", ""},
		{"raised for an operator", ir.New[ops.Erf](), tensor.Float32, 7, 0, 9, "Erf", ""},
		{"raised for a part", ir.New[ops.Gelu](), tensor.Float32, 7, 0, 9, "Div Erf Add Mul Mul", ""},
		{"raised above all", &ops.Cast{To: tensor.Float8E8M0, Saturate: true, RoundMode: "nearest"}, tensor.Float32, 7, 0, 24, "Cast", ""},
		{"spelled out", ir.New[ops.Swish](), tensor.Float32, 13, 0, 13, "Sigmoid Mul", ""},
		{"not spelled out", ir.New[ops.Swish](), tensor.Float32, 13, 24, 24, "Swish", ""},
		{"type", ir.New[ops.Relu](), tensor.Int32, 0, 13, 0, "", `node "n" (Relu): element type int32 needs opset 14 or newer, 13 is asked for`},
		{"attribute", pool(func(p *ops.MaxPool) { p.Dilations = []int{2, 2} }), tensor.Float32, 0, 9, 0, "", `node "n" (MaxPool): attribute "dilations" needs opset 10 or newer`},
		{"operator", ir.New[ops.Erf](), tensor.Float32, 0, 8, 0, "", `node "n" (Erf): the operator needs opset 9 or newer, 8 is asked for`},
		{"part", ir.New[ops.Gelu](), tensor.Float32, 0, 8, 0, "", `node "n" (Gelu): the operator of its part Erf needs opset 9 or newer`},
		{"too old", ir.New[ops.Relu](), tensor.Float32, 0, 6, 0, "", "opset 6 cannot be written, choose one from 7 to 24"},
		{"too new", ir.New[ops.Relu](), tensor.Float32, 0, 25, 0, "", "opset 25 cannot be written"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := ir.NewGraph("g")
			g.Opset = c.own
			x, err := g.AddInput("x", ir.Type{DType: c.dtype, Shape: ir.Shape{ir.Known(2), ir.Known(2), ir.Known(4), ir.Known(4)}})
			require.NoError(t, err)
			n, err := g.Append("n", c.op, []*ir.Value{x}, []string{"y"})
			require.NoError(t, err)
			g.SetOutputs(n.Out(0))
			var buf bytes.Buffer
			err = Write(&buf, g, Options{Opset: c.given})
			if c.err != "" {
				require.ErrorContains(t, err, "exporter: "+c.err)
				return
			}
			require.NoError(t, err)
			h, err := importer.Read(&buf)
			require.NoError(t, err)
			require.Equal(t, c.wrote, h.Opset)
			require.Equal(t, c.nodes, opNames(h))
			require.Equal(t, "y", h.Outputs()[0].Name())
		})
	}
}

// opNames is the operators of a graph in a row.
func opNames(g *ir.Graph) string {
	var names []string
	for _, n := range g.Nodes() {
		names = append(names, n.OpName())
	}
	return strings.Join(names, " ")
}

func TestNamesThatAreNoText(t *testing.T) {
	g := ir.NewGraph("g")
	v, err := g.AddConst("\xff", tensor.Vector[float32](1))
	require.NoError(t, err)
	g.SetOutputs(v)
	require.ErrorContains(t, Write(&bytes.Buffer{}, g, Options{}), "exporter: ")
}

// What a body takes from the graph around it, constants too, is written once and goes by the outer name.
func TestBodiesSeeOuterNames(t *testing.T) {
	g := ir.NewGraph("g")
	c, err := g.AddInput("c", ir.Type{DType: tensor.Bool, Shape: ir.Shape{}})
	require.NoError(t, err)
	x, err := g.AddInput("x", ir.Type{DType: tensor.Float32, Shape: ir.Shape{ir.Known(1000)}})
	require.NoError(t, err)
	weights := tensor.New(tensor.Float32, 1000)
	w, err := g.AddConst("w", weights)
	require.NoError(t, err)
	branch := func(op ir.Op) *ir.Graph {
		b := ir.NewGraph("b")
		in, err := b.AddInput("x", x.Type())
		require.NoError(t, err)
		k, err := b.AddConst("k", weights)
		require.NoError(t, err)
		own, err := b.AddConst("w", tensor.Vector[float32](2)) // another one than that around
		require.NoError(t, err)
		n, err := b.Append("n", op, []*ir.Value{in, k}, []string{"y"})
		require.NoError(t, err)
		n, err = b.Append("m", ir.New[ops.Mul](), []*ir.Value{n.Out(0), own}, []string{"z"})
		require.NoError(t, err)
		b.SetOutputs(n.Out(0))
		return b
	}
	n, err := g.Append("if", &ops.If{Then: branch(ir.New[ops.Add]()), Else: branch(ir.New[ops.Sub]())}, []*ir.Value{c, x}, []string{"y"})
	require.NoError(t, err)
	n, err = g.Append("mul", ir.New[ops.Mul](), []*ir.Value{n.Out(0), w}, []string{"out"})
	require.NoError(t, err)
	g.SetOutputs(n.Out(0))
	var buf bytes.Buffer
	require.NoError(t, Write(&buf, g, Options{}))
	require.Less(t, buf.Len(), 6000) // the 4000 bytes of w once
	h, err := importer.Read(&buf)
	require.NoError(t, err)
	require.NoError(t, ir.Verify(h))
	for _, body := range ir.Bodies(h.Nodes()[0].Op) {
		add, mul := body.Nodes()[0], body.Nodes()[1]
		require.Same(t, h.Value("w").Const(), add.In(1).Const())
		require.Equal(t, "w_1", mul.In(1).Name())
		require.Len(t, body.Inputs(), 1)
	}
}
