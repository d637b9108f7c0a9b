// Package exporter writes graphs as ONNX files: standard operators in the newest form, the same bytes for the same graph.
package exporter

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/onnxrun/onnxrun/importer/onnxpb"
	"github.com/onnxrun/onnxrun/internal/atomicfile"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// producer names the project in the files that it writes.
const producer = "onnxrun"

// maxFile is protobuf's bound on a message.
const maxFile = math.MaxInt32

// ErrTooLarge says that a model does not fit into one file.
var ErrTooLarge = errors.New("the model has more than 2 GB of weights, which do not fit into one ONNX file")

// WriteFile writes a model through a temporary file that is renamed, so that path is the whole model or what it was.
func WriteFile(g *ir.Graph, path string) error {
	err := atomicfile.Write(path, func(w io.Writer) error { return Write(w, g) })
	if err != nil && !strings.HasPrefix(err.Error(), "exporter: ") {
		err = fmt.Errorf("exporter: %w", err)
	}
	return err
}

// Write writes a model. Weights go straight from their tensors to w.
func Write(w io.Writer, g *ir.Graph) error {
	e := &encoder{}
	p, err := e.graph(g, newNames(g, nil, nil), false)
	if err != nil {
		return fmt.Errorf("exporter: %w", err)
	}
	head := &onnxpb.ModelProto{
		IrVersion: irVersion(e.opset()), ProducerName: producer, DocString: g.Doc,
		OpsetImport: []*onnxpb.OperatorSetIdProto{{Version: int64(e.opset())}},
	}
	for _, kv := range g.Metadata {
		head.MetadataProps = append(head.MetadataProps, &onnxpb.StringStringEntryProto{Key: kv.Key, Value: kv.Value})
	}
	if err := writeModel(w, head, p, e.weights); err != nil {
		return fmt.Errorf("exporter: %w", err)
	}
	return nil
}

// writeModel writes head with graph p, to which the weights are added as initializers. They are written one by one, so
// that they are not copied: protobuf lets the fields of a message stand in any order.
func writeModel(w io.Writer, head *onnxpb.ModelProto, p *onnxpb.GraphProto, weights []weight) error {
	deterministic := proto.MarshalOptions{Deterministic: true}
	headBytes, err := deterministic.Marshal(head)
	if err != nil {
		return err
	}
	graphBytes, err := deterministic.Marshal(p)
	if err != nil {
		return err
	}
	size := len(graphBytes)
	heads := make([][]byte, len(weights))
	for i, wt := range weights {
		if heads[i], err = wt.header(); err != nil {
			return err
		}
		size += len(heads[i]) + len(wt.raw)
		if size > maxFile-len(headBytes) {
			return ErrTooLarge
		}
	}
	b := bufio.NewWriterSize(w, 1<<16)
	b.Write(headBytes)
	b.Write(protowire.AppendVarint(protowire.AppendTag(nil, fieldGraph, protowire.BytesType), uint64(size)))
	b.Write(graphBytes)
	for i, wt := range weights {
		b.Write(heads[i])
		b.Write(wt.raw)
	}
	return b.Flush()
}

// Numbers of the fields that are written by hand.
const (
	fieldGraph       protowire.Number = 7 // of ModelProto
	fieldInitializer protowire.Number = 5 // of GraphProto
	fieldRawData     protowire.Number = 9 // of TensorProto
)

// weight is an initializer whose elements are written apart.
type weight struct {
	proto *onnxpb.TensorProto // without elements
	raw   []byte
}

// header is what stands before the elements.
func (w weight) header() ([]byte, error) {
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(w.proto)
	if err != nil {
		return nil, fmt.Errorf("initializer %q: %w", w.proto.Name, err)
	}
	body = protowire.AppendTag(body, fieldRawData, protowire.BytesType)
	body = protowire.AppendVarint(body, uint64(len(w.raw)))
	out := protowire.AppendTag(nil, fieldInitializer, protowire.BytesType)
	out = protowire.AppendVarint(out, uint64(len(body)+len(w.raw)))
	return append(out, body...), nil
}

// encoder turns a graph into a message.
type encoder struct {
	weights []weight
	newest  int // opset that some node needs
}

// opset is the one to write: Opset, or a newer one that a node needs.
func (e *encoder) opset() int { return max(Opset, e.newest) }

// graph encodes a graph, or a body, without what the file has further out.
func (e *encoder) graph(g *ir.Graph, names *names, isBody bool) (*onnxpb.GraphProto, error) {
	name := g.Name
	if name == "" {
		name = "graph"
	}
	p := &onnxpb.GraphProto{Name: name}
	for _, v := range g.Inputs() {
		if !names.outer[v] {
			p.Input = append(p.Input, valueInfo(v, names.of(v)))
		}
	}
	for _, v := range g.Values() {
		if v.Const() == nil || names.outer[v] {
			continue
		}
		if err := e.initializer(p, v, names.of(v), isBody); err != nil {
			return nil, err
		}
	}
	for _, n := range g.Nodes() {
		node, err := e.node(n, names)
		if err != nil {
			return nil, &ir.Error{Node: n.Name, Op: n.OpName(), Err: err}
		}
		p.Node = append(p.Node, node)
	}
	e.outputs(p, g, names)
	return p, nil
}

// outputs lists the graph's outputs. ONNX wants each to have a name of its own and to be made by a node: an output that
// is an input, a constant or another output goes through an Identity.
func (e *encoder) outputs(p *onnxpb.GraphProto, g *ir.Graph, names *names) {
	seen := map[*ir.Value]bool{}
	for _, v := range g.Outputs() {
		name := names.of(v)
		if v.Def() == nil || seen[v] {
			name = names.fresh(v.Name() + "_out")
			p.Node = append(p.Node, &onnxpb.NodeProto{
				Name: name, OpType: "Identity", Input: []string{names.of(v)}, Output: []string{name},
			})
		}
		seen[v] = true
		p.Output = append(p.Output, valueInfo(v, name))
	}
}

func (e *encoder) initializer(p *onnxpb.GraphProto, v *ir.Value, name string, inBody bool) error {
	t := v.Const()
	tp := &onnxpb.TensorProto{Name: name, DataType: int32(t.DType()), Dims: dims64(t.Shape())}
	if t.DType() == tensor.String {
		for _, s := range tensor.Data[string](t) {
			tp.StringData = append(tp.StringData, []byte(s))
		}
		p.Initializer = append(p.Initializer, tp)
		return nil
	}
	raw := packed(t)
	if inBody {
		tp.RawData = raw
		p.Initializer = append(p.Initializer, tp)
		return nil
	}
	e.weights = append(e.weights, weight{tp, raw})
	return nil
}

func (e *encoder) node(n *ir.Node, names *names) (*onnxpb.NodeProto, error) {
	def := n.Op.Def()
	if ops.Lookup(def.Domain, def.Name) != def {
		return nil, fmt.Errorf("the operator is not part of ONNX")
	}
	if err := refuseInternal(n.Op); err != nil {
		return nil, err
	}
	e.newest = max(e.newest, needs(n))
	p := &onnxpb.NodeProto{Name: n.Name, OpType: def.Name, Domain: def.Domain}
	inputs := n.Inputs()
	if captures := len(captured(n)); captures > 0 {
		inputs = inputs[:len(inputs)-captures]
	}
	for _, v := range inputs {
		p.Input = append(p.Input, names.of(v))
	}
	for _, v := range n.Outputs() {
		p.Output = append(p.Output, names.of(v))
	}
	for _, a := range ir.EncodeAttrs(n.Op, false) {
		ap, err := e.attr(n, a, names)
		if err != nil {
			return nil, err
		}
		p.Attribute = append(p.Attribute, ap)
	}
	return p, nil
}

func valueInfo(v *ir.Value, name string) *onnxpb.ValueInfoProto {
	t := &onnxpb.TypeProto_Tensor{ElemType: int32(v.Type().DType)}
	if s := v.Type().Shape; s != nil {
		t.Shape = &onnxpb.TensorShapeProto{}
		for _, d := range s {
			dim := &onnxpb.TensorShapeProto_Dimension{}
			switch {
			case d.IsKnown():
				dim.Value = &onnxpb.TensorShapeProto_Dimension_DimValue{DimValue: int64(d.N)}
			case !d.IsUnknown():
				dim.Value = &onnxpb.TensorShapeProto_Dimension_DimParam{DimParam: d.String()}
			}
			t.Shape.Dim = append(t.Shape.Dim, dim)
		}
	}
	return &onnxpb.ValueInfoProto{Name: name, Type: &onnxpb.TypeProto{Value: &onnxpb.TypeProto_TensorType{TensorType: t}}}
}

func dims64(shape []int) []int64 {
	out := make([]int64, len(shape))
	for i, n := range shape {
		out[i] = int64(n)
	}
	return out
}
