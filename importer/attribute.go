package importer

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/importer/onnxpb"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// errInBody says that a node failed for faults that were recorded inside of its body or function.
var errInBody = errors.New("a fault inside")

// attributes decodes a node's attributes and builds the bodies among them. captured is what the bodies take from s, in
// the order of the bodies' last inputs.
func (im *importer) attributes(s *scope, p *onnxpb.NodeProto, inputs []*ir.Value) (attrs []ir.Attr, captured []*ir.Value, err error) {
	free := freeNames(p)
	var names []string
	for _, name := range free {
		v := s.value(name)
		if v == nil {
			return nil, nil, fmt.Errorf("a body reads %q: no node, input or initializer has that name", name)
		}
		if v.Const() == nil {
			names = append(names, name)
			captured = append(captured, v)
		}
	}
	for _, a := range p.Attribute {
		a, err := resolveAttr(s, a)
		if err != nil {
			return nil, nil, err
		}
		if a == nil {
			continue
		}
		if a.Name == capturesAttr {
			return nil, nil, &ir.AttrError{Attr: a.Name, Msg: "not an attribute of this operator"}
		}
		if a.G != nil && attrType(a) == onnxpb.AttributeProto_GRAPH {
			body, err := im.body(s, p, a.G, inputs, free, names)
			if err != nil {
				return nil, nil, err
			}
			attrs = append(attrs, ir.Attr{Name: a.Name, Value: body})
			continue
		}
		value, err := im.attrValue(a)
		if err != nil {
			return nil, nil, err
		}
		attrs = append(attrs, ir.Attr{Name: a.Name, Value: value})
	}
	if len(captured) > 0 && (p.OpType == "Loop" || p.OpType == "Scan") {
		attrs = append(attrs, ir.Attr{Name: capturesAttr, Value: len(captured)})
	}
	return attrs, captured, nil
}

// capturesAttr is the internal attribute that counts the captured values of Loop and Scan.
const capturesAttr = "captures"

// resolveAttr replaces a reference to an attribute of the function around by that; nil where the call left it out.
func resolveAttr(s *scope, a *onnxpb.AttributeProto) (*onnxpb.AttributeProto, error) {
	if a.RefAttrName == "" {
		return a, nil
	}
	if s.attrs == nil {
		return nil, &ir.AttrError{Attr: a.Name, Msg: "refers to an attribute of a function, outside of one"}
	}
	r := s.attrs[a.RefAttrName]
	if r == nil {
		return nil, nil
	}
	return &onnxpb.AttributeProto{
		Name: a.Name, Type: r.Type, F: r.F, I: r.I, S: r.S, T: r.T, G: r.G, Floats: r.Floats, Ints: r.Ints, Strings: r.Strings,
		SparseTensor: r.SparseTensor,
	}, nil
}

// attrType is an attribute's type, from the field that is filled where an old file leaves it out.
func attrType(a *onnxpb.AttributeProto) onnxpb.AttributeProto_AttributeType {
	switch {
	case a.Type != onnxpb.AttributeProto_UNDEFINED:
		return a.Type
	case a.F != nil:
		return onnxpb.AttributeProto_FLOAT
	case a.I != nil:
		return onnxpb.AttributeProto_INT
	case a.S != nil:
		return onnxpb.AttributeProto_STRING
	case a.T != nil:
		return onnxpb.AttributeProto_TENSOR
	case a.G != nil:
		return onnxpb.AttributeProto_GRAPH
	case len(a.Floats) > 0:
		return onnxpb.AttributeProto_FLOATS
	case len(a.Strings) > 0:
		return onnxpb.AttributeProto_STRINGS
	case a.SparseTensor != nil:
		return onnxpb.AttributeProto_SPARSE_TENSOR
	}
	return onnxpb.AttributeProto_INTS
}

func (im *importer) attrValue(a *onnxpb.AttributeProto) (any, error) {
	switch t := attrType(a); t {
	case onnxpb.AttributeProto_FLOAT:
		return a.GetF(), nil
	case onnxpb.AttributeProto_INT:
		return clampInt(a.GetI()), nil
	case onnxpb.AttributeProto_STRING:
		return string(a.GetS()), nil
	case onnxpb.AttributeProto_FLOATS:
		return append([]float32{}, a.Floats...), nil
	case onnxpb.AttributeProto_INTS:
		ints := make([]int, len(a.Ints))
		for i, n := range a.Ints {
			ints[i] = clampInt(n)
		}
		return ints, nil
	case onnxpb.AttributeProto_STRINGS:
		list := make([]string, len(a.Strings))
		for i, s := range a.Strings {
			list[i] = string(s)
		}
		return list, nil
	case onnxpb.AttributeProto_TENSOR, onnxpb.AttributeProto_SPARSE_TENSOR:
		return im.tensorAttr(a, t)
	default:
		return nil, &ir.AttrError{Attr: a.Name, Msg: fmt.Sprintf("has a value of kind %v, which is not supported", t)}
	}
}

func (im *importer) tensorAttr(a *onnxpb.AttributeProto, kind onnxpb.AttributeProto_AttributeType) (any, error) {
	var t *tensor.Tensor
	var err error
	switch {
	case kind == onnxpb.AttributeProto_TENSOR && a.T != nil:
		t, err = im.decoder.tensor(a.T)
	case kind == onnxpb.AttributeProto_SPARSE_TENSOR && a.SparseTensor != nil:
		t, err = im.decoder.sparse(a.SparseTensor)
	default:
		err = errors.New("has no value")
	}
	if err != nil {
		return nil, &ir.AttrError{Attr: a.Name, Msg: err.Error()}
	}
	return t, nil
}

// clampInt brings a file's integer into the range of int, where that has 32 bits.
func clampInt(n int64) int { return int(min(max(n, math.MinInt), math.MaxInt)) }

// body builds a body of a control-flow node. free is the names that the node's bodies take from s, names those among
// them that are not constants.
func (im *importer) body(s *scope, p *onnxpb.NodeProto, g *onnxpb.GraphProto, inputs []*ir.Value, free, names []string) (*ir.Graph, error) {
	const perName = 512
	if err := im.decoder.spend(perName * len(free)); err != nil {
		return nil, fmt.Errorf("bodies take %d values from around: %w", len(free), err)
	}
	body := ir.NewGraph(g.Name)
	inner := newScope(body, s.opsets)
	inner.attrs, inner.depth = s.attrs, s.depth+1
	if inner.depth > maxCallDepth {
		return nil, fmt.Errorf("bodies lie more than %d deep in one another", maxCallDepth)
	}
	inputOf := map[string]bool{}
	for _, v := range g.Input {
		inputOf[v.Name] = true
	}
	for _, name := range free {
		if v := s.value(name); v.Const() != nil && !inputOf[name] {
			if _, err := im.define(inner, name, func(name string) (*ir.Value, error) { return body.AddConst(name, v.Const()) }); err != nil {
				return nil, fmt.Errorf("captured %q: %w", name, err)
			}
		}
	}
	before := len(im.problems)
	captures := make([]*onnxpb.ValueInfoProto, 0, len(names))
	formals := formalTypes(p, g, inputs)
	for _, name := range names {
		captures = append(captures, &onnxpb.ValueInfoProto{Name: name})
		formals = append(formals, s.value(name).Type())
	}
	im.graph(inner, &onnxpb.GraphProto{
		Name: g.Name, Input: append(slices.Clone(g.Input), captures...), Output: g.Output,
		Initializer: g.Initializer, SparseInitializer: g.SparseInitializer,
	}, given(g.Node), formals)
	if len(im.problems) > before {
		return nil, errInBody
	}
	return body, nil
}

// bodiesOf looks at the bodies of a node that cannot be built, for the unknown operators in them.
func (im *importer) bodiesOf(s *scope, p *onnxpb.NodeProto) {
	for _, a := range p.Attribute {
		for _, q := range a.GetG().GetNode() {
			if lookup(q) == nil && im.functions[functionKey{domain(q.Domain), q.OpType, q.Overload}] == nil {
				im.problem(nodeName(s, q), opName(q), &UnknownOperatorError{opName(q)})
			}
			im.bodiesOf(s, q)
		}
	}
}

// formalTypes is the types of a body's inputs as far as the operator tells them, for bodies that leave them out.
func formalTypes(p *onnxpb.NodeProto, g *onnxpb.GraphProto, inputs []*ir.Value) []ir.Type {
	types := make([]ir.Type, len(g.Input))
	for i := range types {
		from := i
		if p.OpType == "Loop" {
			switch i {
			case 0:
				types[i] = ir.Type{DType: tensor.Int64, Shape: ir.Shape{}}
				continue
			case 1:
				types[i] = ir.Type{DType: tensor.Bool, Shape: ir.Shape{}}
				continue
			}
		}
		if from < len(inputs) && inputs[from] != nil {
			types[i] = ir.Type{DType: inputs[from].Type().DType}
		}
	}
	return types
}

// freeNames is the names that the bodies of a node take from the graph around it, in the order of their first use.
func freeNames(p *onnxpb.NodeProto) []string {
	var free nameList
	for _, a := range p.Attribute {
		if a.G != nil {
			free.addFree(a.G)
		}
	}
	return free.names
}

// nameList is names in the order in which they were added first.
type nameList struct {
	names []string
	has   map[string]bool
}

func (l *nameList) add(name string) {
	if l.has[name] {
		return
	}
	if l.has == nil {
		l.has = map[string]bool{}
	}
	l.has[name] = true
	l.names = append(l.names, name)
}

// addFree adds what a body takes from the graph around it.
func (l *nameList) addFree(g *onnxpb.GraphProto) {
	local := map[string]bool{"": true}
	for _, v := range g.Input {
		local[v.Name] = true
	}
	for _, t := range g.Initializer {
		local[t.Name] = true
	}
	for _, t := range g.SparseInitializer {
		local[t.GetValues().GetName()] = true
	}
	for _, p := range g.Node {
		for _, out := range p.Output {
			local[out] = true
		}
	}
	use := func(name string) {
		if !local[name] {
			l.add(name)
		}
	}
	for _, p := range g.Node {
		for _, name := range readNames(p) {
			use(name)
		}
	}
	for _, v := range g.Output {
		use(v.Name)
	}
}
