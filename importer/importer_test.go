package importer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/onnxrun/onnxrun/importer/onnxpb"
	"github.com/onnxrun/onnxrun/internal/mapped"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// model is a message with a graph of the nodes, an input x and an output y.
func model(opset int64, nodes ...*onnxpb.NodeProto) *onnxpb.ModelProto {
	return &onnxpb.ModelProto{
		IrVersion:   8,
		OpsetImport: []*onnxpb.OperatorSetIdProto{{Version: opset}},
		Graph: &onnxpb.GraphProto{
			Name: "g", Node: nodes,
			Input:  []*onnxpb.ValueInfoProto{value("x", tensor.Float32, "N", 2)},
			Output: []*onnxpb.ValueInfoProto{value("y", tensor.Float32)},
		},
	}
}

func value(name string, dt tensor.DType, dims ...any) *onnxpb.ValueInfoProto {
	t := &onnxpb.TypeProto_Tensor{ElemType: int32(dt)}
	if dims != nil {
		t.Shape = &onnxpb.TensorShapeProto{}
	}
	for _, d := range dims {
		dim := &onnxpb.TensorShapeProto_Dimension{}
		switch d := d.(type) {
		case int:
			dim.Value = &onnxpb.TensorShapeProto_Dimension_DimValue{DimValue: int64(d)}
		case string:
			dim.Value = &onnxpb.TensorShapeProto_Dimension_DimParam{DimParam: d}
		}
		t.Shape.Dim = append(t.Shape.Dim, dim)
	}
	return &onnxpb.ValueInfoProto{Name: name, Type: &onnxpb.TypeProto{Value: &onnxpb.TypeProto_TensorType{TensorType: t}}}
}

func node(op string, inputs, outputs string, attrs ...*onnxpb.AttributeProto) *onnxpb.NodeProto {
	return &onnxpb.NodeProto{Name: "n_" + outputs, OpType: op, Input: strings.Split(inputs, ","), Output: strings.Split(outputs, ","), Attribute: attrs}
}

func ints(name string, v ...int64) *onnxpb.AttributeProto {
	return &onnxpb.AttributeProto{Name: name, Type: onnxpb.AttributeProto_INTS, Ints: v}
}

func rawTensor(name string, dt tensor.DType, raw []byte, dims ...int64) *onnxpb.TensorProto {
	return &onnxpb.TensorProto{Name: name, DataType: int32(dt), Dims: dims, RawData: raw}
}

func encode(t testing.TB, m proto.Message) []byte {
	b, err := proto.Marshal(m)
	require.NoError(t, err)
	return b
}

func read(t testing.TB, m proto.Message) (*ir.Graph, error) {
	g, err := Read(bytes.NewReader(encode(t, m)))
	if err == nil {
		require.NoError(t, ir.Verify(g))
	}
	return g, err
}

func TestImport(t *testing.T) {
	m := model(17, node("Relu", "b", "y"), node("Add", "x,w", "b")) // in the wrong order
	weights := make([]byte, 80)
	binary.LittleEndian.PutUint32(weights[4:], math.Float32bits(2.5))
	m.Graph.Initializer = []*onnxpb.TensorProto{rawTensor("w", tensor.Float32, weights, 10, 2)}
	m.Graph.Input = append(m.Graph.Input, value("w", tensor.Float32, 10, 2)) // as before IR version 4
	m.MetadataProps = []*onnxpb.StringStringEntryProto{{Key: "k", Value: "v"}}
	g, err := read(t, m)
	require.NoError(t, err)
	require.Len(t, g.Inputs(), 1)
	require.Equal(t, "%x: float32[N,2]", g.Inputs()[0].String())
	require.Equal(t, []string{"n_b", "n_y"}, []string{g.Nodes()[0].Name, g.Nodes()[1].Name})
	require.Equal(t, float32(2.5), tensor.Data[float32](g.Value("w").Const())[1])
	v, _ := g.Meta("k")
	require.Equal(t, "v", v)
	require.Equal(t, 17, g.Opset)
}

// Weights are not copied: they are the file's bytes.
func TestWeightsStayInTheFile(t *testing.T) {
	m := model(17, node("Add", "x,w", "y"))
	m.Graph.Initializer = []*onnxpb.TensorProto{rawTensor("w", tensor.Float32, make([]byte, 800), 100, 2)}
	floats := make([]float32, 100)
	floats[99] = 7
	m.Graph.Initializer = append(m.Graph.Initializer, &onnxpb.TensorProto{Name: "v", DataType: 1, Dims: []int64{100}, FloatData: floats})
	data := encode(t, m)
	g, problems, err := decode(mapped.Memory(data), "")
	require.NoError(t, err)
	require.Empty(t, problems)
	for _, name := range []string{"w", "v"} {
		c := g.Value(name).Const()
		at := bytes.Index(data, c.Bytes())
		require.GreaterOrEqual(t, at, 0)
		require.True(t, within(data, c.Bytes()), name)
	}
	require.Equal(t, float32(7), tensor.Data[float32](g.Value("v").Const())[99])
}

// within reports whether part shares whole's memory.
func within(whole, part []byte) bool {
	for i := range whole {
		if &whole[i] == &part[0] {
			return true
		}
	}
	return false
}

func TestNamesAndLinks(t *testing.T) {
	for name, c := range map[string]struct {
		m    *onnxpb.ModelProto
		want []string
	}{
		"missing": {model(17, node("Relu", "z", "y")), []string{`importer: node "n_y" (Relu): input "z": no node, input or initializer has that name`}},
		"cycle": {model(17, node("Add", "x,b", "a"), node("Relu", "a", "b"), node("Relu", "b", "y")),
			[]string{`node "n_a" (Add): input "b" depends on the node's own output: a cycle`, `node "n_b" (Relu)`}},
		"own":       {model(17, node("Relu", "y", "y")), []string{`node "n_y" (Relu): input "y" depends on the node's own output`}},
		"twice":     {model(17, node("Relu", "x", "y"), node("Abs", "x", "y")), []string{`node "n_y" (Abs): output "y": the name is given twice`}},
		"same node": {model(17, node("Dropout", "x", "y,y")), []string{`node "n_y,y" (Dropout): output "y": the name is given twice`}},
		"by call": {withFunction(model(17, node("Relu", "x", "y"), call("F", "x", "y")), "F", node("Abs", "i", "o")),
			[]string{`node "y" (mine.F): output "y": the name is given twice`}},
		"two cycles": {model(17, node("Relu", "b", "a"), node("Relu", "a", "b"), node("Relu", "b", "c"), node("Abs", "d", "d"), node("Relu", "q", "y")),
			[]string{"4 problems", `"n_a" (Relu): input "b" depends`, `"n_b" (Relu): input "a" depends`, `"n_d" (Abs): input "d" depends`, `"n_y" (Relu): input "q": no node`}},
		"function twice": {withFunction(withFunction(model(17, node("Relu", "x", "y")), "F"), "F"), []string{`function "F" of domain "mine" is given twice`}},
		"no output":      {model(17), []string{`output "y": no node, input or initializer has that name`}},
		"unknown": {model(17, node("Foo", "x", "a"), node("Bar", "a", "b"), node("Relu", "b", "y")),
			[]string{`node "n_a" (Foo): unknown operator Foo`, `node "n_b" (Bar): unknown operator Bar`}},
		"attribute": {model(17, node("Relu", "x", "y", ints("alpha", 1))), []string{`node "n_y" (Relu): attribute "alpha": not an attribute of this operator`}},
		"kind":      {model(17, node("Softmax", "x", "y", ints("axis", 1))), []string{`node "n_y" (Softmax): attribute "axis": has a value of kind []int, expects int`}},
		"too old":   {model(9, node("Clip", "x", "y"), node("Celu", "x", "z")), []string{`node "n_z" (Celu): the operator is not in opset 9, it came with 12`}},
		"type":      {model(17, node("And", "x,x", "y")), []string{`node "n_y" (And): input 0`, "float32 is not supported"}},
		"domain":    {model(17, &onnxpb.NodeProto{OpType: "Relu", Domain: "com.example", Input: []string{"x"}, Output: []string{"y"}}), []string{`node "y" (com.example.Relu): unknown operator`}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(t, c.m)
			for _, want := range c.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
}

// call is a node that calls a function of domain "mine".
func call(function, input, output string) *onnxpb.NodeProto {
	return &onnxpb.NodeProto{OpType: function, Domain: "mine", Input: []string{input}, Output: []string{output}}
}

// withFunction adds a function of input i and output o to a model.
func withFunction(m *onnxpb.ModelProto, name string, nodes ...*onnxpb.NodeProto) *onnxpb.ModelProto {
	m.Functions = append(m.Functions, &onnxpb.FunctionProto{Name: name, Domain: "mine", Input: []string{"i"}, Output: []string{"o"}, Node: nodes})
	return m
}

// What a file asks for grows with its size only.
func TestExpansionIsBounded(t *testing.T) {
	m := model(17, call("F0", "x", "y")) // each function calls the next one twice
	for i := range 30 {
		next := fmt.Sprintf("F%d", i+1)
		withFunction(m, fmt.Sprintf("F%d", i), call(next, "i", "t"), call(next, "t", "o"))
	}
	withFunction(m, "F30", node("Relu", "i", "o"))
	_, err := read(t, m)
	require.ErrorContains(t, err, "takes more memory than a file of this size may")

	m = model(17, node("Relu", "x", "y"))
	for i := range 100 {
		m.Graph.SparseInitializer = append(m.Graph.SparseInitializer, &onnxpb.SparseTensorProto{
			Values:  rawTensor(fmt.Sprintf("s%d", i), tensor.Float32, make([]byte, 4), 1),
			Indices: rawTensor("", tensor.Int64, make([]byte, 8), 1), Dims: []int64{1 << 20},
		})
	}
	_, err = read(t, m)
	require.ErrorContains(t, err, "takes more memory than a file of this size may")
}

// A file that is all messages of no content is refused before they are made.
func TestManyEmptyMessages(t *testing.T) {
	var graph []byte
	for range maxMessages + maxMessages/4 {
		graph = append(graph, 1<<3|2, 0) // a node of no bytes
	}
	file := protowire.AppendBytes([]byte{1 << 3, 8, 7<<3 | 2}, graph)
	_, err := Read(bytes.NewReader(file))
	require.ErrorContains(t, err, "has more nodes, attributes and tensors than a file of this size may")
}

// Files of many nodes take time in proportion, whatever is wrong with them.
func TestManyNodes(t *testing.T) {
	const n = 30000
	var cycle, constants []*onnxpb.NodeProto
	for i := range n {
		cycle = append(cycle, node("Relu", fmt.Sprint("v", (i+1)%n), fmt.Sprint("v", i)))
		constants = append(constants, node("Constant", "", fmt.Sprint("v", i), &onnxpb.AttributeProto{Name: "value_float", Type: onnxpb.AttributeProto_FLOAT, F: proto.Float32(1)}))
		constants[i].Input = nil
	}
	_, err := read(t, model(17, append(cycle, node("Relu", "x", "y"))...))
	require.ErrorContains(t, err, "30000 problems")
	g, err := Read(bytes.NewReader(encode(t, model(17, append(constants, node("Relu", "x", "y"))...))))
	require.NoError(t, err)
	require.NotNil(t, g.Value("v7").Const())
}

// A model's outputs have the names that the file gives them, even where an operator passes its input on.
func TestOutputsKeepTheirNames(t *testing.T) {
	m := withFunction(model(17, call("F", "x", "y"), node("Relu", "x", "r"), call("F", "r", "z")), "F")
	m.Functions[0].Output = []string{"i"}
	m.Graph.Output = append(m.Graph.Output, value("z", tensor.Float32), value("r", tensor.Float32), value("x", tensor.Float32))
	g, err := read(t, m)
	require.NoError(t, err)
	var names []string
	for _, v := range g.Outputs() {
		names = append(names, v.Name())
	}
	require.Equal(t, []string{"y", "z", "r", "x"}, names)
}

func TestOpsets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.onnx")
	m := model(99, node("Relu", "x", "y"))
	require.NoError(t, os.WriteFile(path, encode(t, m), 0o644))
	problems, err := Check(path)
	require.NoError(t, err)
	require.Len(t, problems, 1)
	require.Contains(t, problems[0].String(), "warning: opset 99 is newer than 24, the newest known")
	_, err = Open(path)
	require.NoError(t, err)
	m.OpsetImport = nil
	_, err = read(t, m)
	require.ErrorContains(t, err, "does not say which opset it uses")
	m.OpsetImport = []*onnxpb.OperatorSetIdProto{{Domain: "com.example", Version: 1}}
	_, err = read(t, m)
	require.ErrorContains(t, err, `node "n_y" (Relu): the model imports no opset of domain ""`)
}

// Constants outlive the graph that they were read into.
func TestConstantsKeepTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.onnx")
	m := model(17, node("Add", "x,w", "y"))
	m.Graph.Initializer = []*onnxpb.TensorProto{rawTensor("w", tensor.Float32, bytes.Repeat([]byte{0, 0, 128, 63}, 4096), 2048, 2)}
	require.NoError(t, os.WriteFile(path, encode(t, m), 0o644))
	g, err := Open(path)
	require.NoError(t, err)
	w := g.Value("w").Const().Reshaped(4096)
	g = nil
	for range 3 {
		runtime.GC()
	}
	time.Sleep(10 * time.Millisecond) // for the cleanups
	for _, v := range tensor.Data[float32](w) {
		require.Equal(t, float32(1), v)
	}
	runtime.KeepAlive(w)
}

func TestErrorsAreTyped(t *testing.T) {
	_, err := read(t, model(17, node("Foo", "x", "y")))
	require.ErrorIs(t, err, ErrUnsupported)
	var at *ir.Error
	require.ErrorAs(t, err, &at)
	require.Equal(t, "n_y", at.Node)
	var unknown *UnknownOperatorError
	require.ErrorAs(t, err, &unknown)
	require.Equal(t, "Foo", unknown.Op)
	fused := node("FusedConv", "x,x", "y") // of passes alone
	fused.Domain = "onnxrun"
	_, err = read(t, model(17, fused))
	require.ErrorIs(t, err, ErrUnsupported)
	_, err = read(t, model(17, node("Relu", "x", "y", ints("alpha", 1))))
	var attr *ir.AttrError
	require.ErrorAs(t, err, &attr)
	require.Equal(t, "alpha", attr.Attr)
}

func TestTensorsThatLie(t *testing.T) {
	for want, p := range map[string]*onnxpb.TensorProto{
		"needs 8 bytes, the file has 4":    rawTensor("w", tensor.Float32, make([]byte, 4), 2),
		"needs 400000000 bytes":            rawTensor("w", tensor.Float32, make([]byte, 4), 100000000),
		"negative or too large":            rawTensor("w", tensor.Float32, make([]byte, 4), -1),
		"size is negative or too large":    rawTensor("w", tensor.Float32, make([]byte, 4), 1<<30, 1<<30, 1<<30),
		"unsupported element type 99":      rawTensor("w", 99, make([]byte, 4), 1),
		"needs 3 numbers, the file has 2":  {Name: "w", DataType: 1, Dims: []int64{3}, FloatData: []float32{1, 2}},
		"strings cannot stand in raw_data": rawTensor("w", tensor.String, make([]byte, 4), 4),
		"the field of another type":        {Name: "w", DataType: int32(tensor.Int64), Dims: []int64{100}, FloatData: make([]float32, 100)},
		"needs 1 numbers, the file has 0":  {Name: "w", DataType: int32(tensor.Int64)},
		"a tensor in segments":             {Name: "w", DataType: 1, Segment: &onnxpb.TensorProto_Segment{}},
		"the model does not come from a folder": {Name: "w", DataType: 1, Dims: []int64{1}, DataLocation: onnxpb.TensorProto_EXTERNAL,
			ExternalData: []*onnxpb.StringStringEntryProto{{Key: "location", Value: "w.bin"}}},
	} {
		m := model(17, node("Relu", "x", "y"))
		m.Graph.Initializer = []*onnxpb.TensorProto{p}
		_, err := read(t, m)
		require.ErrorContains(t, err, `importer: initializer "w": `)
		require.ErrorContains(t, err, want)
	}
}

func TestTensorEncodings(t *testing.T) {
	for _, c := range []struct {
		p    *onnxpb.TensorProto
		want *tensor.Tensor
	}{
		{rawTensor("", tensor.Int16, []byte{1, 0, 255, 255}, 2), tensor.Vector[int16](1, -1)},
		{rawTensor("", tensor.Bool, []byte{0, 1, 2}, 3), tensor.Vector(false, true, true)},
		{rawTensor("", tensor.Int4, []byte{0x8f, 0x07}, 3), tensor.Vector[tensor.I4](-1, -8, 7)},
		{rawTensor("", tensor.Uint4, []byte{0x8f}, 2), tensor.Vector[tensor.U4](15, 8)},
		{rawTensor("", tensor.Int2, []byte{0b11100100}, 4), tensor.Vector[tensor.I2](0, 1, -2, -1)},
		{&onnxpb.TensorProto{DataType: int32(tensor.Float16), Dims: []int64{2}, Int32Data: []int32{0x3c00, 0xc000}}, tensor.Vector(tensor.ToF16(1), tensor.ToF16(-2))},
		{&onnxpb.TensorProto{DataType: int32(tensor.Int8), Dims: []int64{2}, Int32Data: []int32{-1, 5}}, tensor.Vector[int8](-1, 5)},
		{&onnxpb.TensorProto{DataType: int32(tensor.Uint32), Dims: []int64{1}, Uint64Data: []uint64{1 << 31}}, tensor.Vector[uint32](1 << 31)},
		{&onnxpb.TensorProto{DataType: int32(tensor.Complex64), Dims: []int64{1}, FloatData: []float32{1, 2}}, tensor.Vector(complex64(1 + 2i))},
		{&onnxpb.TensorProto{DataType: int32(tensor.String), Dims: []int64{1}, StringData: [][]byte{[]byte("ü")}}, tensor.Vector("ü")},
		{&onnxpb.TensorProto{DataType: int32(tensor.Float64), DoubleData: []float64{3}}, tensor.Scalar(3.0)},
		{&onnxpb.TensorProto{DataType: int32(tensor.Float32), Dims: []int64{0, 3}}, tensor.New(tensor.Float32, 0, 3)},
	} {
		got, _, err := DecodeTensor(encode(t, c.p))
		require.NoError(t, err)
		require.True(t, c.want.Equal(got), "%v", c.want)
	}
}

func TestExternalData(t *testing.T) {
	dir := t.TempDir()
	inside := filepath.Join(dir, "model")
	require.NoError(t, os.MkdirAll(filepath.Join(inside, "sub"), 0o755))
	data := make([]byte, 12)
	binary.LittleEndian.PutUint32(data[4:], math.Float32bits(1.5))
	for _, path := range []string{filepath.Join(inside, "w.bin"), filepath.Join(inside, "sub", "w.bin"), filepath.Join(dir, "secret")} {
		require.NoError(t, os.WriteFile(path, data, 0o644))
	}
	require.NoError(t, os.Symlink(filepath.Join(dir, "secret"), filepath.Join(inside, "link")))
	open := func(location, offset, length string) (*ir.Graph, error) {
		m := model(17, node("Add", "x,w", "y"))
		m.Graph.Initializer = []*onnxpb.TensorProto{{Name: "w", DataType: 1, Dims: []int64{2}, DataLocation: onnxpb.TensorProto_EXTERNAL,
			ExternalData: []*onnxpb.StringStringEntryProto{{Key: "location", Value: location}, {Key: "offset", Value: offset}, {Key: "length", Value: length}}}}
		path := filepath.Join(inside, "m.onnx")
		require.NoError(t, os.WriteFile(path, encode(t, m), 0o644))
		return Open(path)
	}
	for _, location := range []string{"w.bin", "sub/w.bin"} {
		g, err := open(location, "4", "8")
		require.NoError(t, err)
		require.Equal(t, []float32{1.5, 0}, tensor.Data[float32](g.Value("w").Const()))
	}
	for want, c := range map[string][3]string{
		"is outside of the model's folder":               {"../secret", "0", "8"},
		`"/etc/passwd" is outside of the model's folder`: {"/etc/passwd", "0", "8"},
		"path escapes": {"link", "0", "8"},
		"no such file": {"missing.bin", "0", "8"},
		"has 12 bytes, 8 at offset 8 were promised":        {"w.bin", "8", "8"},
		"length is 4, the type and shape need 8":           {"w.bin", "0", "4"},
		`offset: unsupported value "-1"`:                   {"w.bin", "-1", "8"},
		`offset: unsupported value "99999999999999999999"`: {"w.bin", "99999999999999999999", "8"},
		"is a folder, not a file":                          {"sub", "0", "8"},
		"no location":                                      {"", "0", "8"},
	} {
		_, err := open(c[0], c[1], c[2])
		require.ErrorContains(t, err, `initializer "w": external data: `)
		require.ErrorContains(t, err, want)
	}
}

func TestNotAModel(t *testing.T) {
	for text, want := range map[string]string{
		"": "the file is empty", "\xff\xd8\xff\xe0JFIF": "not an ONNX model but a JPEG image", "<html>": "not an ONNX model but a text file",
		"hello, world, this is text": "not an ONNX model but a text file", "\x00\x01\x02": "not an ONNX model, or a damaged one", "\x08\x08": "no graph or no IR version",
		"version https://git-lfs.github.com/spec/v1": "a Git LFS pointer",
	} {
		_, err := Read(strings.NewReader(text))
		require.ErrorContains(t, err, "importer: ")
		require.ErrorContains(t, err, want)
	}
	_, err := Open("testdata/none.onnx")
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = Open(t.TempDir())
	require.ErrorContains(t, err, "is a folder, not a file")
	old := model(17, node("Relu", "x", "y"))
	old.IrVersion = 2
	_, err = read(t, old)
	require.ErrorContains(t, err, "IR version 2 is not supported")
}

// Whatever the place where a file ends, or the byte that is wrong, the importer returns.
func TestDamagedFiles(t *testing.T) {
	m := model(13, node("Add", "x,w", "a"), node("Squeeze", "a", "y", ints("axes", 1)), node("If", "c", "z"))
	m.Graph.Initializer = []*onnxpb.TensorProto{rawTensor("w", tensor.Float32, make([]byte, 80), 10, 2)}
	data := encode(t, m)
	for n := range data {
		_, err := Read(bytes.NewReader(data[:n]))
		require.Error(t, err)
		for _, b := range []byte{0, 0x7f, 0xff, data[n] ^ 1} {
			bad := bytes.Clone(data)
			bad[n] = b
			Read(bytes.NewReader(bad))
		}
	}
}

func TestDeepNesting(t *testing.T) {
	g := &onnxpb.GraphProto{Name: "leaf"}
	for range 200 {
		g = &onnxpb.GraphProto{Node: []*onnxpb.NodeProto{node("If", "c", "y", &onnxpb.AttributeProto{Name: "then_branch", Type: onnxpb.AttributeProto_GRAPH, G: g})}}
	}
	m := model(17)
	m.Graph.Node = g.Node
	_, err := read(t, m)
	require.ErrorContains(t, err, "deep in one another")
}

// A body sees the values around it: constants as constants of its own, others as inputs behind its own.
func TestCapturedValues(t *testing.T) {
	branch := func(op string) *onnxpb.GraphProto {
		return &onnxpb.GraphProto{Name: op, Node: []*onnxpb.NodeProto{node(op, "x,w", op+"_out")}, Output: []*onnxpb.ValueInfoProto{value(op+"_out", tensor.Float32)}}
	}
	attr := func(name string, g *onnxpb.GraphProto) *onnxpb.AttributeProto {
		return &onnxpb.AttributeProto{Name: name, Type: onnxpb.AttributeProto_GRAPH, G: g}
	}
	if ops.Lookup("", "If") == nil {
		t.Skip("the operator If is not there")
	}
	m := model(17, node("If", "c", "y", attr("then_branch", branch("Add")), attr("else_branch", branch("Sub"))))
	m.Graph.Input = append(m.Graph.Input, value("c", tensor.Bool, 1))
	m.Graph.Initializer = []*onnxpb.TensorProto{rawTensor("w", tensor.Float32, make([]byte, 8), 2)}
	g, err := read(t, m)
	require.NoError(t, err)
	n := g.Nodes()[0]
	require.Equal(t, []string{"c", "x"}, []string{n.In(0).Name(), n.In(1).Name()})
	for _, body := range ir.Bodies(n.Op) {
		require.Len(t, body.Inputs(), 1)
		require.NotNil(t, body.Value("w").Const())
	}
}

// A function of the model is replaced by its nodes.
func TestFunctions(t *testing.T) {
	m := model(17, &onnxpb.NodeProto{Name: "call", OpType: "Twice", Domain: "mine", Input: []string{"x"}, Output: []string{"y"},
		Attribute: []*onnxpb.AttributeProto{{Name: "a", Type: onnxpb.AttributeProto_FLOAT, F: proto.Float32(0.25)}}})
	leaky := node("LeakyRelu", "t", "o", &onnxpb.AttributeProto{Name: "alpha", Type: onnxpb.AttributeProto_FLOAT, RefAttrName: "a"})
	m.Functions = []*onnxpb.FunctionProto{{
		Name: "Twice", Domain: "mine", Input: []string{"i"}, Output: []string{"o"}, Attribute: []string{"a"},
		OpsetImport: []*onnxpb.OperatorSetIdProto{{Version: 17}}, Node: []*onnxpb.NodeProto{node("Add", "i,i", "t"), leaky},
	}}
	g, err := read(t, m)
	require.NoError(t, err)
	require.Len(t, g.Nodes(), 2)
	require.Equal(t, "call/n_t", g.Nodes()[0].Name)
	require.Equal(t, float32(0.25), g.Nodes()[1].Op.(*ops.LeakyRelu).Alpha)
	require.Equal(t, "y", g.Outputs()[0].Name())

	m.Functions[0].Node[0] = &onnxpb.NodeProto{OpType: "Twice", Domain: "mine", Input: []string{"i"}, Output: []string{"t"}}
	_, err = read(t, m)
	require.ErrorContains(t, err, "functions call one another more than 32 deep")
}

func TestSparse(t *testing.T) {
	m := model(17, node("Add", "x,s", "y"))
	indices := make([]byte, 16)
	indices[8] = 3
	values := make([]byte, 8)
	binary.LittleEndian.PutUint32(values[4:], math.Float32bits(5))
	m.Graph.SparseInitializer = []*onnxpb.SparseTensorProto{{
		Values: rawTensor("s", tensor.Float32, values, 2), Indices: rawTensor("", tensor.Int64, indices, 2), Dims: []int64{2, 2},
	}}
	g, err := read(t, m)
	require.NoError(t, err)
	require.Equal(t, []float32{0, 0, 0, 5}, tensor.Data[float32](g.Value("s").Const()))
	indices[8] = 4
	_, err = read(t, m)
	require.ErrorContains(t, err, "index 4 is out of range")
}

func TestCheckReportsEverythingAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.onnx")
	m := model(17, node("Foo", "x", "a"), node("Relu", "x", "b", ints("alpha", 1)), node("Relu", "q", "y"))
	require.NoError(t, os.WriteFile(path, encode(t, m), 0o644))
	problems, err := Check(path)
	require.NoError(t, err)
	require.Len(t, problems, 3)
	m = model(17, node("Add", "x,w", "y"))
	nan := make([]byte, 8)
	binary.LittleEndian.PutUint32(nan, math.Float32bits(float32(math.NaN())))
	m.Graph.Initializer = []*onnxpb.TensorProto{rawTensor("w", tensor.Float32, nan, 2)}
	require.NoError(t, os.WriteFile(path, encode(t, m), 0o644))
	problems, err = Check(path)
	require.NoError(t, err)
	require.Len(t, problems, 1)
	require.Equal(t, `warning: constant "w": 1 elements are NaN and 0 infinite`, problems[0].String())
	_, err = Open(path) // allowed
	require.NoError(t, err)
}

func TestCheckLooksIntoBodies(t *testing.T) {
	nan := make([]byte, 8)
	binary.LittleEndian.PutUint32(nan, math.Float32bits(float32(math.NaN())))
	branch := &onnxpb.GraphProto{
		Name: "b", Node: []*onnxpb.NodeProto{node("Add", "x,w", "o")}, Output: []*onnxpb.ValueInfoProto{value("o", tensor.Float32)},
		Initializer: []*onnxpb.TensorProto{rawTensor("w", tensor.Float32, nan, 2)},
	}
	var attrs []*onnxpb.AttributeProto
	for _, name := range []string{"then_branch", "else_branch"} {
		attrs = append(attrs, &onnxpb.AttributeProto{Name: name, Type: onnxpb.AttributeProto_GRAPH, G: branch})
	}
	m := model(17, node("If", "c", "y", attrs...))
	m.Graph.Input = append(m.Graph.Input, value("c", tensor.Bool))
	path := filepath.Join(t.TempDir(), "m.onnx")
	require.NoError(t, os.WriteFile(path, encode(t, m), 0o644))
	problems, err := Check(path)
	require.NoError(t, err)
	require.Len(t, problems, 2)
	require.Equal(t, `warning: node "n_y" (If): constant "w": 1 elements are NaN and 0 infinite`, problems[0].String())
}

func TestSequencesAreUnsupported(t *testing.T) {
	m := model(17, node("Relu", "x", "y"))
	m.Graph.Input[0].Type = &onnxpb.TypeProto{Value: &onnxpb.TypeProto_SequenceType{SequenceType: &onnxpb.TypeProto_Sequence{}}}
	_, err := read(t, m)
	require.True(t, errors.Is(err, ErrUnsupported))
}

// Each of ONNX's own cases is imported, or refused for what it is known not to be supported.
func TestConformanceCasesAreImportedOrUnsupported(t *testing.T) {
	root, err := filepath.EvalSymlinks("/usr/include/onnx/backend/test/data") // Debian's libonnx-testdata
	if err != nil {
		t.Skip("ONNX's backend cases are not installed (Debian's libonnx-testdata)")
	}
	imported := 0
	require.NoError(t, filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.Name() != "model.onnx" {
			return err
		}
		g, err := Open(path)
		if err != nil {
			require.ErrorIs(t, err, ErrUnsupported, path)
			require.ErrorContains(t, err, "importer: ", path)
			return nil
		}
		imported++
		require.NoError(t, ir.Verify(g), path)
		return nil
	}))
	require.Greater(t, imported, 900)
}

// Whatever the place where a tensor file ends, or the byte that is wrong, it is an error or a tensor.
func TestDamagedTensors(t *testing.T) {
	for _, p := range []*onnxpb.TensorProto{
		rawTensor("raw", tensor.Float32, make([]byte, 80), 20),
		{Name: "typed", DataType: int32(tensor.Int64), Dims: []int64{3}, Int64Data: []int64{1, -1, 1 << 40}},
		{Name: "text", DataType: int32(tensor.String), Dims: []int64{2}, StringData: [][]byte{[]byte("a"), nil}},
	} {
		data := encode(t, p)
		whole, _, err := DecodeTensor(data)
		require.NoError(t, err)
		for n := range data {
			if cut, _, err := DecodeTensor(data[:n]); err == nil {
				require.True(t, whole.Equal(cut)) // only the name is gone
			}
			for _, b := range []byte{0, 0x7f, 0xff, data[n] ^ 1} {
				bad := bytes.Clone(data)
				bad[n] = b
				DecodeTensor(bad)
			}
		}
	}
}

// A variadic operator has as many inputs as the file says; of one that is not, one too many is told as that.
func TestNumbersOfInputs(t *testing.T) {
	many := node("Sum", strings.TrimSuffix(strings.Repeat("x,", 70000), ","), "y")
	_, err := read(t, model(17, many))
	require.NoError(t, err)
	_, err = read(t, model(17, node("Relu", "x,,x", "y")))
	require.ErrorContains(t, err, "has 3 inputs, expects 1")
}
