package importer

import (
	"fmt"
	"iter"
	"maps"
	"math"

	"github.com/onnxrun/onnxrun/importer/onnxpb"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// minIRVersion is the oldest IR version that is read; before it the format was not settled.
const minIRVersion = 3

// importer holds what is common to all graphs of one model.
type importer struct {
	decoder   decoder
	functions map[functionKey]*onnxpb.FunctionProto
	costs     map[*onnxpb.FunctionProto]callCost
	legacy    ir.Legacy // of the node that is being upgraded
	problems  []Problem // faults
	damage    error     // of the file, met while nodes were decoded
	warnings  []Problem
}

type functionKey struct{ domain, name, overload string }

// problem records a fault and goes on.
func (im *importer) problem(node, op string, err error) {
	im.problems = append(im.problems, Problem{Fault, node, op, err})
}

// scope is where names of a graph, a body or a function are looked up while its nodes are built.
type scope struct {
	g        *ir.Graph
	first    int                  // id of the values made here; those before it are from around
	names    []binding            // of what was made here, by id
	values   map[string]*ir.Value // by names that are not theirs in g
	poisoned map[string]bool      // names whose node could not be built; who reads them is not at fault
	opsets   map[string]int
	prefix   string                            // of the names of what a function call makes
	attrs    map[string]*onnxpb.AttributeProto // of the function call; nil outside of functions
	depth    int
}

// binding is what a scope knows of a value that it made.
type binding struct {
	names int32 // how many names of the file it goes by
	own   bool  // its name in the graph is one of them
}

func newScope(g *ir.Graph, opsets map[string]int) *scope {
	return &scope{g: g, first: g.NumValues(), values: map[string]*ir.Value{}, poisoned: map[string]bool{}, opsets: opsets}
}

// binding is that of v; nil if v is from around.
func (s *scope) binding(v *ir.Value) *binding {
	i := v.ID() - s.first
	if i < 0 {
		return nil
	}
	for len(s.names) <= i {
		s.names = append(s.names, binding{})
	}
	return &s.names[i]
}

// bind lets name stand for v from here on.
func (s *scope) bind(name string, v *ir.Value) {
	b := s.binding(v)
	if b != nil {
		b.names++
	}
	if b != nil && v.Name() == name {
		b.own = true
	} else {
		s.values[name] = v
	}
}

// value is what name stands for; nil: nothing.
func (s *scope) value(name string) *ir.Value {
	if v := s.g.Value(name); v != nil {
		if i := v.ID() - s.first; i >= 0 && i < len(s.names) && s.names[i].own {
			return v
		}
	}
	return s.values[name]
}

// rename gives v the name in the file that it was bound to. It does nothing where several names of the file stand for
// v, where v has a name of its own already, or was made outside of this scope.
func (s *scope) rename(v *ir.Value, name string) error {
	b := s.binding(v)
	if b == nil || b.names > 1 || b.own || v.Def() == nil && v.Const() == nil {
		return nil
	}
	return s.g.Rename(v, s.g.FreshName(s.prefix+name))
}

// model builds the graph of a model, whose nodes stand apart.
func (im *importer) model(p *onnxpb.ModelProto, nodes *nodeList) (*ir.Graph, error) {
	if p.IrVersion < minIRVersion {
		return nil, fmt.Errorf("IR version %d is %w, %d is the oldest that is", p.IrVersion, ErrUnsupported, minIRVersion)
	}
	if len(p.OpsetImport) == 0 {
		return nil, fmt.Errorf("the model does not say which opset it uses: a damaged file?")
	}
	opsets, err := opsetMap(p.OpsetImport, nil)
	if err != nil {
		return nil, err
	}
	if n := opsets[""]; n > ops.Opset {
		im.warnings = append(im.warnings, Problem{Warning, "", "", fmt.Errorf("opset %d is newer than %d, the newest known: operators are taken as they are in that", n, ops.Opset)})
	}
	im.functions, im.costs = map[functionKey]*onnxpb.FunctionProto{}, map[*onnxpb.FunctionProto]callCost{}
	for _, f := range p.Functions {
		key := functionKey{domain(f.Domain), f.Name, f.Overload}
		if im.functions[key] != nil {
			im.problem("", "", fmt.Errorf("function %q of domain %q is given twice", f.Name, f.Domain))
		}
		im.functions[key] = f
	}
	g := ir.NewGraph(p.Graph.Name)
	g.Opset = opsets[""]
	g.Doc = p.DocString
	g.Metadata = metadata(p.MetadataProps)
	g.Origin = ir.Origin{
		Producer: p.ProducerName, ProducerVersion: p.ProducerVersion, Domain: p.Domain, Version: int(p.ModelVersion), GraphDoc: p.Graph.DocString,
	}
	values := len(p.Graph.Input) + len(p.Graph.Initializer) + nodes.n
	g.Reserve(values, nodes.n)
	s := newScope(g, opsets)
	s.names = make([]binding, 0, values)
	im.graph(s, p.Graph, nodes.all(), nil)
	if len(im.problems) > 0 {
		return nil, nil
	}
	return g, nil
}

// metadata is the entries of a file, the last one of each key.
func metadata(entries []*onnxpb.StringStringEntryProto) []ir.KeyValue {
	var list []ir.KeyValue
	at := map[string]int{}
	for _, kv := range entries {
		if i, twice := at[kv.Key]; twice {
			list[i].Value = kv.Value
			continue
		}
		at[kv.Key] = len(list)
		list = append(list, ir.KeyValue{Key: kv.Key, Value: kv.Value})
	}
	return list
}

// domain is the name by which a domain is looked up: the default one has two.
func domain(name string) string {
	if name == "ai.onnx" {
		return ""
	}
	return name
}

// opsetMap is the opset of each domain; what imports leaves out is taken from around.
func opsetMap(imports []*onnxpb.OperatorSetIdProto, around map[string]int) (map[string]int, error) {
	opsets := maps.Clone(around)
	if opsets == nil {
		opsets = map[string]int{}
	}
	for _, o := range imports {
		if o.Version < 1 || o.Version > math.MaxInt32 {
			return nil, fmt.Errorf("opset %d of domain %q is %w", o.Version, o.Domain, ErrUnsupported)
		}
		opsets[domain(o.Domain)] = int(o.Version)
	}
	return opsets, nil
}

// graph builds a graph of these nodes into s: inputs, constants, nodes, outputs. formals are the types of inputs that leave theirs out.
func (im *importer) graph(s *scope, p *onnxpb.GraphProto, nodes iter.Seq2[*onnxpb.NodeProto, error], formals []ir.Type) {
	initialized := map[string]bool{}
	for _, t := range p.Initializer {
		initialized[t.Name] = true
	}
	for _, t := range p.SparseInitializer {
		initialized[t.GetValues().GetName()] = true
	}
	seen := map[string]bool{}
	for i, in := range p.Input {
		if seen[in.Name] {
			im.problem("", "", fmt.Errorf("input %q: the name is given twice", in.Name))
			continue
		}
		seen[in.Name] = true
		if initialized[in.Name] { // a constant with a type; before IR version 4 every constant is one
			continue
		}
		t, err := valueType(in.Type)
		if err == nil && t.DType == tensor.Undefined && i < len(formals) {
			t = formals[i]
		}
		if err == nil && t.DType == tensor.Undefined {
			err = fmt.Errorf("no element type")
		}
		if err == nil {
			_, err = im.define(s, in.Name, func(name string) (*ir.Value, error) { return s.g.AddInput(name, t) })
		}
		if err != nil {
			s.poisoned[in.Name] = true
			im.problem("", "", fmt.Errorf("input %q: %w", in.Name, err))
		}
	}
	im.constants(s, p)
	im.nodes(s, nodes)
	im.outputs(s, p.Output)
}

// define makes a value by its name in the file.
func (im *importer) define(s *scope, name string, make func(string) (*ir.Value, error)) (*ir.Value, error) {
	if name == "" {
		return nil, fmt.Errorf("the name is empty")
	}
	if s.value(name) != nil {
		return nil, fmt.Errorf("the name is given twice")
	}
	v, err := make(s.g.FreshName(s.prefix + name))
	if err == nil {
		s.bind(name, v)
	}
	return v, err
}

func (im *importer) constants(s *scope, p *onnxpb.GraphProto) {
	add := func(name string, t *tensor.Tensor, err error) {
		if err == nil {
			_, err = im.define(s, name, func(name string) (*ir.Value, error) { return s.g.AddConst(name, t) })
		}
		if err != nil {
			s.poisoned[name] = true
			im.problem("", "", fmt.Errorf("initializer %q: %w", name, err))
		}
	}
	for _, p := range p.Initializer {
		t, err := im.decoder.tensor(p)
		add(p.Name, t, err)
	}
	for _, p := range p.SparseInitializer {
		t, err := im.decoder.sparse(p)
		add(p.GetValues().GetName(), t, err)
	}
}

func (im *importer) outputs(s *scope, outputs []*onnxpb.ValueInfoProto) {
	var values []*ir.Value
	for _, o := range outputs {
		v := s.value(o.Name)
		if v == nil {
			if !s.poisoned[o.Name] {
				im.problem("", "", fmt.Errorf("output %q: no node, input or initializer has that name", o.Name))
			}
			continue
		}
		t, err := valueType(o.Type)
		if err != nil {
			im.problem("", "", fmt.Errorf("output %q: %w", o.Name, err))
			continue
		}
		if v, err := im.output(s, o.Name, v); err != nil {
			im.problem("", "", fmt.Errorf("output %q: %w", o.Name, err))
		} else {
			s.g.Declare(v.Name(), t)
			values = append(values, v)
		}
	}
	s.g.SetOutputs(values...)
}

// output is v as a graph output. Callers ask for a model's outputs by name. Where v has another name, because an
// operator passed its input on, an Identity gives it the right one.
func (im *importer) output(s *scope, name string, v *ir.Value) (*ir.Value, error) {
	if s.depth > 0 || v.Name() == name || s.g.Value(name) != nil {
		return v, nil
	}
	n, err := s.g.Append(name, ir.New[ops.Identity](), []*ir.Value{v}, []string{name})
	if err != nil {
		return nil, err
	}
	return n.Out(0), nil
}

func nodeName(s *scope, p *onnxpb.NodeProto) string {
	if p.Name != "" {
		return s.prefix + p.Name
	}
	for _, out := range p.Output {
		if out != "" { // the nearest that an unnamed node has to a name
			return s.prefix + out
		}
	}
	return p.OpType
}

func opName(p *onnxpb.NodeProto) string {
	if d := domain(p.Domain); d != "" {
		return d + "." + p.OpType
	}
	return p.OpType
}

// lookup is the Def of a node's operator, or nil.
func lookup(p *onnxpb.NodeProto) *ir.Def { return ops.Lookup(p.Domain, p.OpType) }
