package importer

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/importer/onnxpb"
	"github.com/onnxrun/onnxrun/tensor"
)

// Small files of many entries of one kind take no longer than their size: each of these would take minutes if something were
// looked through for each call, output or name.
func TestManyEntriesTakeLinearTime(t *testing.T) {
	const n = 20000
	calls := func(change func(f *onnxpb.FunctionProto)) *onnxpb.ModelProto {
		m := withFunction(model(17), "F", node("Relu", "i", "o"))
		m.OpsetImport = append(m.OpsetImport, &onnxpb.OperatorSetIdProto{Domain: "mine", Version: 1})
		change(m.Functions[0])
		for range n {
			m.Graph.Node = append(m.Graph.Node, &onnxpb.NodeProto{OpType: "F", Domain: "mine", Input: []string{"x"}})
		}
		m.Graph.Node = append(m.Graph.Node, node("Relu", "x", "y"))
		return m
	}
	const tooMuch = "takes more memory than a file of this size may"
	for name, c := range map[string]struct {
		m    *onnxpb.ModelProto
		want string // of the error; empty: it is a model
	}{
		"nodes of a function": {calls(func(f *onnxpb.FunctionProto) {
			for range n {
				f.Node = append(f.Node, &onnxpb.NodeProto{})
			}
		}), "unknown operator"},
		"attributes of a function": {calls(func(f *onnxpb.FunctionProto) {
			for i := range n {
				f.AttributeProto = append(f.AttributeProto, ints(fmt.Sprint("a", i), 1))
			}
		}), tooMuch},
		"inputs of a function": {calls(func(f *onnxpb.FunctionProto) {
			for i := range n {
				f.Input = append(f.Input, fmt.Sprint("i", i))
			}
		}), tooMuch},
		"opsets of a function": {calls(func(f *onnxpb.FunctionProto) {
			for i := range n {
				f.OpsetImport = append(f.OpsetImport, &onnxpb.OperatorSetIdProto{Domain: fmt.Sprint(i), Version: 1})
			}
		}), tooMuch},
		"outputs of a node":               {model(17, manyOutputs(4*n), node("Relu", "x", "y")), ""},
		"names that a body reads":         {manyCaptured(2 * n), ""},
		"names that many bodies may read": {manyBodies(n / 10), tooMuch},
	} {
		t.Run(name, func(t *testing.T) {
			begin := time.Now()
			_, err := read(t, c.m)
			require.Less(t, time.Since(begin), 20*time.Second)
			if c.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.want)
			}
		})
	}
}

// manyBodies gives an operator so many bodies, which are too many, and so many names that one of them reads.
func manyBodies(n int) *onnxpb.ModelProto {
	m := manyCaptured(n)
	p := m.Graph.Node[n]
	for range n {
		p.Attribute = append(p.Attribute, &onnxpb.AttributeProto{
			Name: "else_branch", Type: onnxpb.AttributeProto_GRAPH,
			G: &onnxpb.GraphProto{Node: []*onnxpb.NodeProto{node("Relu", "x", "b0")}, Output: []*onnxpb.ValueInfoProto{{Name: "b0"}}},
		})
	}
	return m
}

func manyOutputs(n int) *onnxpb.NodeProto {
	p := &onnxpb.NodeProto{OpType: "Split", Input: []string{"x"}}
	for i := range n {
		p.Output = append(p.Output, fmt.Sprint("o", i))
	}
	return p
}

func manyCaptured(n int) *onnxpb.ModelProto {
	m, body := model(17), &onnxpb.GraphProto{Name: "b", Output: []*onnxpb.ValueInfoProto{{Name: "b0"}}}
	for i := range n {
		m.Graph.Node = append(m.Graph.Node, node("Relu", "x", fmt.Sprint("v", i)))
		body.Node = append(body.Node, node("Relu", fmt.Sprint("v", i), fmt.Sprint("b", i)))
	}
	branch := func(name string) *onnxpb.AttributeProto {
		return &onnxpb.AttributeProto{Name: name, Type: onnxpb.AttributeProto_GRAPH, G: body}
	}
	m.Graph.Initializer = []*onnxpb.TensorProto{rawTensor("c", tensor.Bool, []byte{1})}
	m.Graph.Node = append(m.Graph.Node, node("If", "c", "y", branch("then_branch"), branch("else_branch")))
	return m
}
