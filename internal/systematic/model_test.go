package systematic

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/onnxrun/onnxrun/importer/onnxpb"
	"github.com/onnxrun/onnxrun/tensor"
)

// operand is an input of a node in a file: absent, an initializer or an input of the graph.
type operand struct {
	t      *tensor.Tensor // nil: left out
	given  bool           // with each Run
	ranked bool           // the file states the shape
}

// form is a node in a file of an opset.
type form struct {
	op, domain string
	opset      int
	attrs      map[string]any
	in         []operand
	outs       []string // "" where left out
	within     string   // the operator in whose body the node stands, "" for none
}

func (f form) String() string {
	var in []string
	for _, o := range f.in {
		switch {
		case o.t == nil:
			in = append(in, "_")
		case o.given:
			in = append(in, o.t.String())
		default:
			in = append(in, "const "+o.t.String())
		}
	}
	var attrs []string
	for _, name := range sortedKeys(f.attrs) {
		value := f.attrs[name]
		if _, ok := value.(*onnxpb.GraphProto); ok {
			value = "…"
		}
		attrs = append(attrs, fmt.Sprintf("%s=%v", name, value))
	}
	text := fmt.Sprintf("%s of opset %d{%s}(%s) to %q", f.op, f.opset, strings.Join(attrs, ", "), strings.Join(in, ", "), f.outs)
	if f.within != "" {
		text += " in " + f.within
	}
	return text
}

func (f form) clone() form {
	attrs := map[string]any{}
	for k, v := range f.attrs {
		attrs[k] = v
	}
	f.attrs, f.in, f.outs = attrs, slices.Clone(f.in), slices.Clone(f.outs)
	return f
}

// given is what a Run of the model takes.
func (f form) given() (in []*tensor.Tensor) {
	for _, o := range f.in {
		if o.t != nil && o.given {
			in = append(in, o.t)
		}
	}
	return in
}

// model is the file, with the node in the graph itself or in a body.
func (f form) model() []byte {
	g := &onnxpb.GraphProto{Name: "g"}
	n := &onnxpb.NodeProto{Name: "node", OpType: f.op, Domain: f.domain, Output: f.outs}
	for _, name := range sortedKeys(f.attrs) {
		n.Attribute = append(n.Attribute, attribute(name, f.attrs[name]))
	}
	for i, o := range f.in {
		name := fmt.Sprint("x", i)
		switch {
		case o.t == nil:
			name = ""
		case o.given:
			g.Input = append(g.Input, info(name, o.t, o.ranked))
		default:
			g.Initializer = append(g.Initializer, tensorProto(name, o.t))
		}
		n.Input = append(n.Input, name)
	}
	outs := slices.DeleteFunc(slices.Clone(f.outs), func(s string) bool { return s == "" })
	g.Node = []*onnxpb.NodeProto{n}
	if f.within != "" {
		g.Node = []*onnxpb.NodeProto{f.around(g, n, outs)}
	}
	for _, out := range outs {
		g.Output = append(g.Output, &onnxpb.ValueInfoProto{Name: out})
	}
	m := &onnxpb.ModelProto{IrVersion: 10, Graph: g, OpsetImport: []*onnxpb.OperatorSetIdProto{{Domain: f.domain, Version: int64(f.opset)}}}
	if f.domain != "" {
		m.OpsetImport = append(m.OpsetImport, &onnxpb.OperatorSetIdProto{Version: 21})
	}
	data, err := proto.Marshal(m)
	if err != nil {
		panic(err)
	}
	return data
}

// around is a node of f.within whose bodies hold n, which captures its inputs.
func (f form) around(g *onnxpb.GraphProto, n *onnxpb.NodeProto, outs []string) *onnxpb.NodeProto {
	inner := make([]string, len(n.Output))
	body := &onnxpb.GraphProto{Name: "body", Node: []*onnxpb.NodeProto{n}}
	outer := &onnxpb.NodeProto{Name: "outer", OpType: f.within, Output: outs}
	if f.within == "Loop" {
		g.Initializer = append(g.Initializer, tensorProto("times", tensor.Scalar[int64](2)))
		outer.Input = []string{"times", ""}
		body.Input = []*onnxpb.ValueInfoProto{info("i", tensor.Scalar[int64](0), true), info("more", tensor.Scalar(true), true)}
		body.Output = []*onnxpb.ValueInfoProto{{Name: "more"}}
	} else {
		g.Initializer = append(g.Initializer, tensorProto("which", tensor.Scalar(true)))
		outer.Input = []string{"which"}
	}
	for i, out := range n.Output {
		if out != "" {
			inner[i] = out + "_inner"
			body.Output = append(body.Output, &onnxpb.ValueInfoProto{Name: inner[i]})
		}
	}
	n.Output = inner
	if f.within == "Loop" {
		outer.Attribute = []*onnxpb.AttributeProto{attribute("body", body)}
	} else {
		outer.Attribute = []*onnxpb.AttributeProto{attribute("then_branch", body), attribute("else_branch", body)}
	}
	return outer
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// attribute is an attribute of the kind that a Go value says.
func attribute(name string, value any) *onnxpb.AttributeProto {
	a := &onnxpb.AttributeProto{Name: name}
	switch v := value.(type) {
	case int:
		i := int64(v)
		a.Type, a.I = onnxpb.AttributeProto_INT, &i
	case float32:
		a.Type, a.F = onnxpb.AttributeProto_FLOAT, &v
	case string:
		a.Type, a.S = onnxpb.AttributeProto_STRING, []byte(v)
	case []int:
		a.Type = onnxpb.AttributeProto_INTS
		for _, n := range v {
			a.Ints = append(a.Ints, int64(n))
		}
	case []float32:
		a.Type, a.Floats = onnxpb.AttributeProto_FLOATS, v
	case []string:
		a.Type = onnxpb.AttributeProto_STRINGS
		for _, s := range v {
			a.Strings = append(a.Strings, []byte(s))
		}
	case *tensor.Tensor:
		a.Type, a.T = onnxpb.AttributeProto_TENSOR, tensorProto("", v)
	case *onnxpb.GraphProto:
		a.Type, a.G = onnxpb.AttributeProto_GRAPH, v
	default:
		panic(fmt.Sprintf("%T", value))
	}
	return a
}

func tensorProto(name string, t *tensor.Tensor) *onnxpb.TensorProto {
	p := &onnxpb.TensorProto{Name: name, DataType: int32(t.DType())}
	for _, d := range t.Shape() {
		p.Dims = append(p.Dims, int64(d))
	}
	if t.DType() == tensor.String {
		for _, s := range tensor.Data[string](t) {
			p.StringData = append(p.StringData, []byte(s))
		}
		return p
	}
	p.RawData = t.Bytes()
	switch t.DType() { // which files pack
	case tensor.Int4, tensor.Uint4, tensor.Float4E2M1:
		p.RawData = make([]byte, (t.Len()+1)/2)
	case tensor.Int2, tensor.Uint2:
		p.RawData = make([]byte, (t.Len()+3)/4)
	}
	return p
}

func info(name string, t *tensor.Tensor, ranked bool) *onnxpb.ValueInfoProto {
	typ := &onnxpb.TypeProto_Tensor{ElemType: int32(t.DType())}
	if ranked {
		typ.Shape = &onnxpb.TensorShapeProto{}
		for _, d := range t.Shape() {
			typ.Shape.Dim = append(typ.Shape.Dim, &onnxpb.TensorShapeProto_Dimension{
				Value: &onnxpb.TensorShapeProto_Dimension_DimValue{DimValue: int64(d)},
			})
		}
	}
	return &onnxpb.ValueInfoProto{Name: name, Type: &onnxpb.TypeProto{Value: &onnxpb.TypeProto_TensorType{TensorType: typ}}}
}
