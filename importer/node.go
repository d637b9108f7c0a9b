package importer

import (
	"errors"
	"fmt"

	"github.com/onnxrun/onnxrun/importer/onnxpb"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// maxCallDepth bounds how deep functions call one another.
const maxCallDepth = 32

// node builds a node, or records why it cannot.
func (im *importer) node(s *scope, p *onnxpb.NodeProto) {
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
		if s.values[out] == nil {
			s.poisoned[out] = true
		}
	}
}

func (im *importer) build(s *scope, p *onnxpb.NodeProto, def *ir.Def) error {
	opset, ok := s.opsets[def.Domain]
	if !ok {
		return fmt.Errorf("the model imports no opset of domain %q", def.Domain)
	}
	if opset < def.Since[0] {
		return fmt.Errorf("the operator is not in opset %d, it came with %d", opset, def.Since[0])
	}
	if opset > ops.Opset && def.Domain == "" {
		return fmt.Errorf("opset %d is %w, %d is the newest that is", opset, ErrUnsupported, ops.Opset)
	}
	for _, out := range p.Output {
		if s.values[out] != nil {
			return fmt.Errorf("output %q: the name is given twice", out)
		}
	}
	inputs, err := lookupInputs(s, p.Input)
	if err != nil {
		return err
	}
	attrs, captured, err := im.attributes(s, p, inputs)
	if err != nil {
		return err
	}
	name := nodeName(s, p)
	l := ir.NewLegacy(s.g, opset, name, attrs, append(inputs, captured...), len(p.Output))
	if def.Upgrade != nil {
		if err := def.Upgrade(l); err != nil {
			return err
		}
	}
	if values, ok := l.Replaced(); ok {
		return im.adopt(s, p, values)
	}
	op := def.New()
	if err := ir.DecodeAttrs(op, l.Attrs, true); err != nil {
		return err
	}
	names := make([]string, len(p.Output))
	for i, out := range p.Output {
		if out != "" {
			names[i] = s.g.FreshName(s.prefix + out)
		}
	}
	for len(names) > 0 && names[len(names)-1] == "" {
		names = names[:len(names)-1]
	}
	n, err := s.g.Append(name, op, l.Inputs, names)
	if err != nil {
		return err
	}
	for i, v := range n.Outputs() {
		if v != nil {
			s.values[p.Output[i]] = v
		}
	}
	return nil
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
		v := values[i]
		s.values[out] = v
		if v.Def() == nil && v.Const() == nil || isNamed(s, v, out) { // an input, or another output: it keeps its name
			continue
		}
		if err := s.g.Rename(v, s.g.FreshName(s.prefix+out)); err != nil {
			return err
		}
	}
	return nil
}

// isNamed reports whether v goes by another name of the file.
func isNamed(s *scope, v *ir.Value, except string) bool {
	for name, w := range s.values {
		if w == v && name != except {
			return true
		}
	}
	return false
}

func lookupInputs(s *scope, names []string) ([]*ir.Value, error) {
	inputs := make([]*ir.Value, len(names))
	for i, in := range names {
		if in == "" {
			continue
		}
		if inputs[i] = s.values[in]; inputs[i] == nil {
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
	opsets, err := opsetMap(f.OpsetImport)
	if err != nil {
		return err
	}
	if len(p.Input) > len(f.Input) || len(p.Output) > len(f.Output) {
		return fmt.Errorf("the function has %d inputs and %d outputs, the node %d and %d", len(f.Input), len(f.Output), len(p.Input), len(p.Output))
	}
	inner := &scope{
		g: s.g, values: map[string]*ir.Value{}, poisoned: map[string]bool{}, opsets: opsets, depth: s.depth + 1,
		prefix: nodeName(s, p) + "/", attrs: map[string]*onnxpb.AttributeProto{},
	}
	for _, a := range f.AttributeProto { // defaults
		inner.attrs[a.Name] = a
	}
	for _, a := range p.Attribute {
		resolved, err := resolveAttr(s, a)
		if err != nil {
			return err
		}
		if resolved != nil {
			inner.attrs[a.Name] = resolved
		}
	}
	inputs, err := lookupInputs(s, p.Input)
	if err != nil {
		return err
	}
	absent := map[string]bool{}
	for i, name := range f.Input {
		if i < len(inputs) && inputs[i] != nil {
			inner.values[name] = inputs[i]
		} else {
			absent[name] = true
		}
	}
	im.nodes(inner, withoutAbsent(f.Node, absent))
	for i, out := range p.Output {
		if out == "" {
			continue
		}
		v := inner.values[f.Output[i]]
		if v == nil {
			if inner.poisoned[f.Output[i]] {
				return errInBody
			}
			return fmt.Errorf("the function computes no %q", f.Output[i])
		}
		s.values[out] = v
		if v.Def() != nil && !isNamed(s, v, out) {
			if err := s.g.Rename(v, s.g.FreshName(s.prefix+out)); err != nil {
				return err
			}
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

// sparse makes a sparse tensor dense: indices are linear, or one row of coordinates for each value.
func (d *decoder) sparse(p *onnxpb.SparseTensorProto) (*tensor.Tensor, error) {
	if p.Values == nil || p.Indices == nil {
		return nil, errors.New("a sparse tensor lacks values or indices")
	}
	values, err := d.tensor(p.Values)
	if err != nil {
		return nil, err
	}
	indices, err := d.tensor(p.Indices)
	if err != nil {
		return nil, err
	}
	shape := make([]int, len(p.Dims))
	for i, n := range p.Dims {
		shape[i] = int(n)
	}
	dt := values.DType()
	n, err := tensor.Count(dt, shape)
	if err != nil {
		return nil, err
	}
	if dt == tensor.String || indices.DType() != tensor.Int64 || values.Rank() != 1 || n > maxSparse {
		return nil, fmt.Errorf("a sparse tensor of %v with indices %v and shape %v is %w", values, indices, shape, ErrUnsupported)
	}
	at, _ := indices.AsInts()
	width := 1
	if indices.Rank() == 2 {
		width = indices.Dim(1)
	}
	if len(at) != values.Len()*width || width != 1 && width != len(shape) {
		return nil, fmt.Errorf("a sparse tensor has %d values and indices %v", values.Len(), indices)
	}
	dense, size, strides := tensor.New(dt, shape...), dt.Size(), tensor.Strides(shape)
	for i := range values.Len() {
		to := 0
		for d := range width {
			if k := at[i*width+d]; width > 1 {
				if k < 0 || k >= shape[d] {
					return nil, fmt.Errorf("a sparse tensor's index %d is out of range", k)
				}
				to += k * strides[d]
			} else {
				to = k
			}
		}
		if to < 0 || to >= n {
			return nil, fmt.Errorf("a sparse tensor's index %d is out of range", to)
		}
		copy(dense.Bytes()[to*size:(to+1)*size], values.Bytes()[i*size:])
	}
	return dense, nil
}

// maxSparse bounds the elements of a sparse tensor made dense: its size in the file justifies none.
const maxSparse = 1 << 26
