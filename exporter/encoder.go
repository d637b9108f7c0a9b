package exporter

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/onnxrun/onnxrun/importer/onnxpb"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// inputlessConstants is the IR version from which on an initializer need not be a graph input, too.
const inputlessConstants = 4

// encoder turns a graph into a message of an opset.
type encoder struct {
	opset     int
	irVersion int64
	weights   []weight
	root      *onnxpb.GraphProto
	used      map[string]bool // names that the nodes written so far read
}

// graph encodes a graph, or a body, without what the file has further out.
func (e *encoder) graph(g *ir.Graph, names *names, isBody bool) (*onnxpb.GraphProto, error) {
	name := g.Name
	if name == "" {
		name = "graph"
	}
	p := &onnxpb.GraphProto{Name: name}
	if !isBody {
		e.root = p
	}
	for _, v := range g.Inputs() {
		if !names.outer[v] {
			p.Input = append(p.Input, valueInfo(v.Type(), names.of(v)))
		}
	}
	idle := map[*ir.Value]bool{} // constants that nobody reads: kept, since the graph has them
	for _, v := range g.Values() {
		idle[v] = len(v.Uses()) == 0
	}
	for _, n := range slices.Clone(g.Nodes()) {
		if err := e.node(p, n, names); err != nil {
			return nil, err
		}
	}
	e.outputs(p, g, names)
	for _, v := range g.Values() {
		if v.Const() == nil || names.outer[v] || !idle[v] && !e.used[names.of(v)] {
			continue
		}
		if err := e.initializer(p, v, names.of(v), isBody); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// node encodes a node in the form of the opset, or the nodes that stand for it there.
func (e *encoder) node(p *onnxpb.GraphProto, n *ir.Node, names *names) error {
	err := e.downgraded(p, n, names)
	var at *ir.Error
	if err == nil || errors.As(err, &at) {
		return err
	}
	return &ir.Error{Node: n.Name, Op: n.OpName(), Err: err}
}

func (e *encoder) downgraded(p *onnxpb.GraphProto, n *ir.Node, names *names) error {
	l := ir.NewDowngrade(n, e.opset)
	if downgrade := n.Op.Def().Downgrade; downgrade != nil {
		if err := downgrade(l); err != nil {
			return err
		}
	}
	values, replaced := l.Replaced()
	if replaced {
		names.replace(n.Outputs(), values)
	}
	for _, m := range l.Emitted() {
		if err := e.part(p, m, names); err != nil {
			return err
		}
	}
	if replaced {
		e.passed(p, n, values, names)
		return nil
	}
	return e.plain(p, n, l, names)
}

// part encodes a node that a downgrade made. If the opset lacks something for it, the error names the node that was
// downgraded.
func (e *encoder) part(p *onnxpb.GraphProto, m *ir.Node, names *names) error {
	err := e.downgraded(p, m, names)
	var need *ir.OpsetError
	if errors.As(err, &need) {
		return &ir.OpsetError{What: fmt.Sprintf("%s of its part %s", need.What, m.OpName()), Opset: need.Opset, Needs: need.Needs}
	}
	return err
}

// passed writes an Identity for each output of n in whose place the downgrade gave a value that goes by another name.
func (e *encoder) passed(p *onnxpb.GraphProto, n *ir.Node, values []*ir.Value, names *names) {
	for i, v := range n.Outputs() {
		if v == nil || names.of(v) == names.of(values[i]) {
			continue
		}
		p.Node = append(p.Node, &onnxpb.NodeProto{
			Name: n.Name, OpType: "Identity", Input: []string{names.of(values[i])}, Output: []string{names.of(v)},
		})
		e.used[names.of(values[i])] = true
	}
}

// plain encodes a node of the form that the opset has.
func (e *encoder) plain(p *onnxpb.GraphProto, n *ir.Node, l *ir.Legacy, names *names) error {
	def := n.Op.Def()
	if ops.Lookup(def.Domain, def.Name) != def {
		return fmt.Errorf("the operator is not part of ONNX")
	}
	if err := refuseInternal(n.Op); err != nil {
		return err
	}
	if err := lacking(n, l); err != nil {
		return err
	}
	q := &onnxpb.NodeProto{Name: n.Name, OpType: l.Type, Domain: def.Domain, DocString: n.Doc}
	inputs := l.Inputs[:len(l.Inputs)-len(captured(n))]
	for len(inputs) > 0 && inputs[len(inputs)-1] == nil {
		inputs = inputs[:len(inputs)-1]
	}
	for _, v := range inputs {
		q.Input = append(q.Input, names.of(v))
		e.used[names.of(v)] = true
	}
	for _, v := range n.Outputs() {
		q.Output = append(q.Output, names.of(v))
	}
	slices.SortStableFunc(l.Attrs, func(a, b ir.Attr) int { return strings.Compare(a.Name, b.Name) })
	for _, a := range l.Attrs {
		ap, err := e.attr(n, a, names)
		if err != nil {
			return err
		}
		q.Attribute = append(q.Attribute, ap)
	}
	p.Node = append(p.Node, q)
	return nil
}

// outputs lists the graph's outputs. ONNX wants each to have a name of its own and to be made by a node: an output that
// is an input, a constant or another output goes through an Identity.
func (e *encoder) outputs(p *onnxpb.GraphProto, g *ir.Graph, names *names) {
	seen := map[*ir.Value]bool{}
	for _, v := range g.Outputs() {
		name := names.of(v)
		if v.Def() == nil || seen[v] {
			e.used[name] = true
			if name = v.Name(); v.Const() == nil || seen[v] || !names.main {
				name = names.fresh(name + "_out")
			}
			p.Node = append(p.Node, &onnxpb.NodeProto{
				Name: name, OpType: "Identity", Input: []string{names.of(v)}, Output: []string{name},
			})
		}
		seen[v] = true
		p.Output = append(p.Output, valueInfo(g.OutputType(v), name))
	}
}

// initializer encodes a constant. Before IR version 4 an initializer was an input with a value, which bodies cannot
// have: theirs stand in the main graph.
func (e *encoder) initializer(p *onnxpb.GraphProto, v *ir.Value, name string, inBody bool) error {
	if e.irVersion < inputlessConstants {
		p, inBody = e.root, false
		p.Input = append(p.Input, valueInfo(v.Type(), name))
	}
	t := v.Const()
	tp := &onnxpb.TensorProto{Name: name, DataType: int32(t.DType()), Dims: dims64(t.Shape())}
	if t.DType() == tensor.String {
		for _, s := range tensor.Data[string](t) {
			tp.StringData = append(tp.StringData, []byte(s))
		}
		p.Initializer = append(p.Initializer, tp)
	} else if inBody {
		tp.RawData = packed(t)
		p.Initializer = append(p.Initializer, tp)
	} else {
		e.weights = append(e.weights, weight{tp, packed(t)})
	}
	return nil
}

func valueInfo(typ ir.Type, name string) *onnxpb.ValueInfoProto {
	t := &onnxpb.TypeProto_Tensor{ElemType: int32(typ.DType)}
	if s := typ.Shape; s != nil {
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
