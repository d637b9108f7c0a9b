package importer

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/onnxrun/onnxrun/importer/onnxpb"
	"github.com/onnxrun/onnxrun/tensor"
)

func graphAttr(name string, g *onnxpb.GraphProto) *onnxpb.AttributeProto {
	return &onnxpb.AttributeProto{Name: name, Type: onnxpb.AttributeProto_GRAPH, G: g}
}

// An input that cannot be left out is told by node, operator and parameter, in whatever opset, by Check and by Read.
func TestInputsThatCannotBeLeftOut(t *testing.T) {
	text := func(name, v string) *onnxpb.AttributeProto {
		return &onnxpb.AttributeProto{Name: name, Type: onnxpb.AttributeProto_STRING, S: []byte(v)}
	}
	number := func(name string, v int64) *onnxpb.AttributeProto {
		return &onnxpb.AttributeProto{Name: name, Type: onnxpb.AttributeProto_INT, I: &v}
	}
	scanBody := &onnxpb.GraphProto{
		Name: "b", Input: []*onnxpb.ValueInfoProto{value("i", tensor.Float32), value("j", tensor.Float32)},
		Node: []*onnxpb.NodeProto{node("Identity", "j", "o")}, Output: []*onnxpb.ValueInfoProto{{Name: "o"}},
	}
	for _, c := range []struct {
		opset int64
		n     *onnxpb.NodeProto
		want  string
	}{
		{6, node("PRelu", "x,", "y"), `node "n_y" (PRelu): has 1 inputs, expects 2: input 1 (slope) is missing`},
		{6, node("PRelu", ",x", "y"), `node "n_y" (PRelu): input 0 (X) is missing`},
		{1, node("Pad", "", "y", ints("paddings", 0, 0, 1, 1)), `node "n_y" (Pad): input 0 (data) is missing`},
		{6, node("Add", "x,", "y"), `node "n_y" (Add): has 1 inputs, expects 2: input 1 (B) is missing`},
		{11, node("Softmax", "", "y"), `node "n_y" (Softmax): input 0 (input) is missing`},
		{13, node("Concat", "x,,x", "y", number("axis", 0)), `node "n_y" (Concat): input 1 (inputs) is missing: of a variadic parameter none can be left out`},
		{13, node("Max", ",x", "y"), `node "n_y" (Max): input 0 (data_0) is missing`},
		{13, node("Sum", "x,,x", "y"), `node "n_y" (Sum): input 1 (data_0) is missing`},
		{13, node("Einsum", "x,,x", "y", text("equation", "ij,ij,ij->i")), `node "n_y" (Einsum): input 1 (Inputs) is missing`},
		{13, node("Scan", ",x", "y", number("num_scan_inputs", 1), graphAttr("body", scanBody)), `node "n_y" (Scan): input 0 (initial_state_and_scan_inputs) is missing`},
	} {
		m := model(c.opset, c.n)
		_, err := read(t, m)
		require.ErrorContains(t, err, c.want)
		path := filepath.Join(t.TempDir(), "model.onnx")
		data, err := proto.Marshal(m)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, data, 0o600))
		problems, err := Check(path)
		require.NoError(t, err)
		require.NotEmpty(t, problems)
		require.Contains(t, problems[0].String(), c.want)
	}
}

// What a node captures does not slide into the places of inputs that it leaves out.
func TestCapturedValuesStandBehindOptionalInputs(t *testing.T) {
	body := &onnxpb.GraphProto{
		Name: "b", Input: []*onnxpb.ValueInfoProto{value("i", tensor.Int64), value("cond", tensor.Bool)},
		Node:   []*onnxpb.NodeProto{node("Identity", "cond", "more"), node("Relu", "x", "o")},
		Output: []*onnxpb.ValueInfoProto{{Name: "more"}, {Name: "o"}},
	}
	for _, inputs := range []string{"m", "m,", ",c", ","} {
		m := model(17, node("Loop", inputs, "y", graphAttr("body", body)))
		m.Graph.Input = append(m.Graph.Input, value("m", tensor.Int64), value("c", tensor.Bool))
		g, err := read(t, m)
		require.NoError(t, err, inputs)
		in := g.Nodes()[0].Inputs()
		require.Len(t, in, 3, inputs)
		require.Equal(t, "x", in[2].Name(), inputs)
	}
}

// A body at an operator that has none is refused, whatever it captures.
func TestBodiesOfOthers(t *testing.T) {
	body := model(17, node("Relu", "x", "b")).Graph
	body.Input, body.Output = nil, []*onnxpb.ValueInfoProto{{Name: "b"}}
	for _, op := range []string{"Relu", "Add", "Concat", "Constant"} {
		_, err := read(t, model(17, node(op, "x", "y", &onnxpb.AttributeProto{Name: "body", Type: onnxpb.AttributeProto_GRAPH, G: body})))
		require.Error(t, err, op)
	}
}

// Outputs that are left out at the end count where their number says something.
func TestOutputsLeftOutAtTheEnd(t *testing.T) {
	g, err := read(t, model(13, node("Split", "x", "y,", &onnxpb.AttributeProto{Name: "axis", Type: onnxpb.AttributeProto_INT, I: proto.Int64(1)})))
	require.NoError(t, err)
	require.Equal(t, "float32[N,1]", g.Value("y").Type().String())
}
