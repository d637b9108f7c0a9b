package exporter

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/importer/onnxpb"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

func (e *encoder) attr(n *ir.Node, a ir.Attr, names *names) (*onnxpb.AttributeProto, error) {
	p := &onnxpb.AttributeProto{Name: a.Name}
	switch v := a.Value.(type) {
	case int:
		i := int64(v)
		p.Type, p.I = onnxpb.AttributeProto_INT, &i
	case float32:
		p.Type, p.F = onnxpb.AttributeProto_FLOAT, &v
	case string:
		p.Type, p.S = onnxpb.AttributeProto_STRING, []byte(v)
	case []int:
		p.Type, p.Ints = onnxpb.AttributeProto_INTS, dims64(v)
	case []float32:
		p.Type, p.Floats = onnxpb.AttributeProto_FLOATS, v
	case []string:
		p.Type = onnxpb.AttributeProto_STRINGS
		for _, s := range v {
			p.Strings = append(p.Strings, []byte(s))
		}
	case *tensor.Tensor:
		t, err := encodeTensor(v, "")
		if err != nil {
			return nil, err
		}
		p.Type, p.T = onnxpb.AttributeProto_TENSOR, t
	case *ir.Graph:
		body, err := e.body(n, v, names)
		if err != nil {
			return nil, err
		}
		p.Type, p.G = onnxpb.AttributeProto_GRAPH, body
	default:
		return nil, &ir.AttrError{Attr: a.Name, Msg: fmt.Sprintf("cannot write a value of kind %T", v)}
	}
	return p, nil
}

// body encodes a body of node n, whose captured inputs go by the names that they have around it.
func (e *encoder) body(n *ir.Node, body *ir.Graph, around *names) (*onnxpb.GraphProto, error) {
	values := captured(n)
	inputs := body.Inputs()
	if len(inputs) < len(values) {
		return nil, fmt.Errorf("a body has %d inputs, fewer than the %d that it captures", len(inputs), len(values))
	}
	outer := map[*ir.Value]string{}
	for i, v := range inputs[len(inputs)-len(values):] {
		outer[v] = around.of(values[i])
	}
	return e.graph(body, newNames(body, outer, around, e.irVersion < inputlessConstants), true)
}

// captured is the inputs of a control-flow node that it hands to its bodies only.
func captured(n *ir.Node) []*ir.Value {
	for _, a := range ir.EncodeAttrs(n.Op, true) {
		if count, ok := a.Value.(int); ok && a.Name == capturesAttr {
			return n.Inputs()[max(0, len(n.Inputs())-count):]
		}
	}
	if _, ok := n.Op.(*ops.If); ok {
		return n.Inputs()[1:]
	}
	return nil
}

// capturesAttr is the internal attribute that counts the captured values of Loop and Scan. In a file they are implicit.
const capturesAttr = "captures"

// refuseInternal refuses attributes that ONNX does not have: without them the node would be another function.
func refuseInternal(op ir.Op) error {
	known := ir.AttrNames(op)
	for _, a := range ir.EncodeAttrs(op, true) {
		if a.Name != capturesAttr && !slices.Contains(known, a.Name) {
			return &ir.AttrError{Attr: a.Name, Msg: fmt.Sprintf("value %v is not part of ONNX and cannot be written", a.Value)}
		}
	}
	return nil
}
