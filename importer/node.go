package importer

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/onnxrun/onnxrun/importer/onnxpb"
	"github.com/onnxrun/onnxrun/ir"
)

// maxCallDepth bounds how deep functions call one another.
const maxCallDepth = 32

// node builds a node, or records why it cannot.
func (im *importer) node(s *scope, p *onnxpb.NodeProto) {
	twice := ir.Repeated(p.Output)
	for i, out := range p.Output {
		if out != "" && (s.value(out) != nil || i == twice) {
			im.fail(s, p, fmt.Errorf("output %q: the name is given twice", out))
			return
		}
	}
	if f := im.functions[functionKey{domain(p.Domain), p.OpType, p.Overload}]; f != nil {
		if err := im.call(s, p, f); err != nil {
			im.fail(s, p, err)
		}
		return
	}
	def := lookup(p)
	if def == nil {
		im.bodiesOf(s, p) // to find unknown operators in there, too
		im.fail(s, p, &UnknownOperatorError{opName(p)})
		return
	}
	for _, name := range readNames(p) {
		if s.poisoned[name] {
			im.poison(s, p)
			return
		}
	}
	if err := im.build(s, p, def); err != nil {
		im.fail(s, p, err)
	}
}

func (im *importer) fail(s *scope, p *onnxpb.NodeProto, err error) {
	if !errors.Is(err, errInBody) { // which has been recorded there
		im.problem(nodeName(s, p), opName(p), err)
	}
	im.poison(s, p)
}

func (im *importer) poison(s *scope, p *onnxpb.NodeProto) {
	for _, out := range p.Output {
		if !s.known(out) {
			s.poisoned[out] = true
		}
	}
}

// build makes a node of p, or what its Upgrade builds in its place.
func (im *importer) build(s *scope, p *onnxpb.NodeProto, def *ir.Def) error {
	opset, ok := s.opsets[def.Domain]
	if !ok {
		return fmt.Errorf("the model imports no opset of domain %q", def.Domain)
	}
	if opset < def.Since[0] {
		return fmt.Errorf("the operator is not in opset %d, it came with %d", opset, def.Since[0])
	}
	inputs, err := lookupInputs(s, p.Input)
	if err != nil {
		return err
	}
	if err := ir.Missing(def, inputs); err != nil {
		return err
	}
	attrs, captured, err := im.attributes(s, p, inputs)
	if err != nil {
		return err
	}
	if last := len(def.Ins) - 1; len(captured) > 0 && last >= 0 && def.Ins[last].Kind == ir.VariadicAny {
		for len(inputs) < last { // optional ones that are left out
			inputs = append(inputs, nil)
		}
	}
	name := nodeName(s, p)
	inputs = append(inputs, captured...)
	if def.Upgrade != nil {
		l := &im.legacy
		*l = *ir.NewLegacy(s.g, opset, name, attrs, inputs, len(p.Output))
		if err := def.Upgrade(l); err != nil {
			return err
		}
		if values, ok := l.Replaced(); ok {
			return im.adopt(s, p, values)
		}
		attrs, inputs = l.Attrs, l.Inputs
	}
	op := def.New()
	if err := ir.DecodeAttrs(op, attrs, true); err != nil {
		return err
	}
	n, err := s.g.Append(name, op, inputs, outputNames(s, p, def))
	if err != nil {
		return err
	}
	n.Doc = p.DocString
	for i, v := range n.Outputs() {
		if v != nil {
			s.bind(p.Output[i], v)
		}
	}
	return nil
}

// outputNames is the names that a node's outputs get in the graph, "" for those that are left out.
func outputNames(s *scope, p *onnxpb.NodeProto, def *ir.Def) []string {
	names := make([]string, len(p.Output))
	for i, out := range p.Output {
		if out != "" {
			names[i] = s.g.FreshName(s.prefix + out)
		}
	}
	for len(names) > 0 && names[len(names)-1] == "" && ir.ParamAt(def.Outs, len(names)-1).Kind <= ir.Optional { // else they count
		names = names[:len(names)-1]
	}
	return names
}

// adopt gives the values that an Upgrade built the names of the node's outputs.
func (im *importer) adopt(s *scope, p *onnxpb.NodeProto, values []*ir.Value) error {
	for i, out := range p.Output {
		if out == "" {
			continue
		}
		if i >= len(values) || values[i] == nil {
			return fmt.Errorf("output %d is %w in this form of the operator", i, ErrUnsupported)
		}
		s.bind(out, values[i])
		if err := s.rename(values[i], out); err != nil {
			return err
		}
	}
	return nil
}

func lookupInputs(s *scope, names []string) ([]*ir.Value, error) {
	inputs := make([]*ir.Value, len(names))
	for i, in := range names {
		if in == "" {
			continue
		}
		if inputs[i] = s.value(in); inputs[i] == nil {
			return nil, fmt.Errorf("input %q: no node, input or initializer has that name", in)
		}
	}
	return inputs, nil
}

// call builds the nodes of a function in the place of a node.
func (im *importer) call(s *scope, p *onnxpb.NodeProto, f *onnxpb.FunctionProto) error {
	if s.depth >= maxCallDepth {
		return fmt.Errorf("functions call one another more than %d deep", maxCallDepth)
	}
	prefix := nodeName(s, p) + "/"
	if err := im.decoder.spend(im.inlineCost(f, prefix)); err != nil {
		return fmt.Errorf("functions call one another: %w", err)
	}
	opsets, err := opsetMap(f.OpsetImport, s.opsets)
	if err != nil {
		return err
	}
	if len(p.Input) > len(f.Input) || len(p.Output) > len(f.Output) {
		return fmt.Errorf("the function has %d inputs and %d outputs, the node %d and %d", len(f.Input), len(f.Output), len(p.Input), len(p.Output))
	}
	inner := newScope(s.g, opsets)
	inner.depth, inner.prefix = s.depth+1, prefix
	if inner.attrs, err = callAttrs(s, p, f); err != nil {
		return err
	}
	inputs, err := lookupInputs(s, p.Input)
	if err != nil {
		return err
	}
	absent := map[string]bool{}
	for i, name := range f.Input {
		if i < len(inputs) && inputs[i] != nil {
			inner.bind(name, inputs[i])
		} else {
			absent[name] = true
		}
	}
	im.nodes(inner, given(withoutAbsent(f.Node, absent)))
	return bindResults(s, p, inner, f)
}

// callAttrs is the attributes of a call by name: the node's, and the function's defaults for others.
func callAttrs(s *scope, p *onnxpb.NodeProto, f *onnxpb.FunctionProto) (map[string]*onnxpb.AttributeProto, error) {
	attrs := map[string]*onnxpb.AttributeProto{}
	for _, a := range f.AttributeProto {
		attrs[a.Name] = a
	}
	for _, a := range p.Attribute {
		resolved, err := resolveAttr(s, a)
		if err != nil {
			return nil, err
		}
		if resolved != nil {
			attrs[a.Name] = resolved
		}
	}
	return attrs, nil
}

// bindResults makes what a function computed the outputs of the node that calls it.
func bindResults(s *scope, p *onnxpb.NodeProto, inner *scope, f *onnxpb.FunctionProto) error {
	for i, out := range p.Output {
		if out == "" {
			continue
		}
		v := inner.value(f.Output[i])
		if v == nil {
			if inner.poisoned[f.Output[i]] {
				return errInBody
			}
			return fmt.Errorf("the function computes no %q", f.Output[i])
		}
		s.bind(out, v)
		if v.Def() == nil {
			continue
		}
		if err := s.rename(v, out); err != nil {
			return err
		}
	}
	return nil
}

// withoutAbsent is a function's nodes with the names of inputs that the call leaves out turned into "".
func withoutAbsent(nodes []*onnxpb.NodeProto, absent map[string]bool) []*onnxpb.NodeProto {
	if len(absent) == 0 {
		return nodes
	}
	out := make([]*onnxpb.NodeProto, len(nodes))
	for i, p := range nodes {
		q := &onnxpb.NodeProto{
			Name: p.Name, OpType: p.OpType, Domain: p.Domain, Overload: p.Overload, Attribute: p.Attribute, Output: p.Output,
		}
		for _, in := range p.Input {
			if absent[in] {
				in = ""
			}
			q.Input = append(q.Input, in)
		}
		out[i] = q
	}
	return out
}

// inlineCost is roughly the bytes that a call of f takes: its names begin with prefix.
func (im *importer) inlineCost(f *onnxpb.FunctionProto, prefix string) int {
	const perEntry = 256
	c, ok := im.costs[f]
	if !ok {
		entries := 1 + len(f.Node) + len(f.Input) + len(f.Attribute) + len(f.AttributeProto) + len(f.OpsetImport)
		c = callCost{fixed: perEntry * entries, names: 1}
		for _, p := range f.Node {
			c.fixed += proto.Size(p)
			c.names += 1 + len(p.Output)
		}
		im.costs[f] = c
	}
	return c.fixed + c.names*len(prefix)
}

// callCost is what each call of a function takes, and how many names it makes.
type callCost struct{ fixed, names int }
