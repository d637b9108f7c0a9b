package importer

import (
	"fmt"
	"math"
	"slices"

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
	problems  []Problem
}

type functionKey struct{ domain, name, overload string }

// problem records a fault and goes on.
func (im *importer) problem(node, op string, err error) {
	im.problems = append(im.problems, Problem{Fault, node, op, err})
}

// scope is where names of a graph, a body or a function are looked up while its nodes are built.
type scope struct {
	g        *ir.Graph
	values   map[string]*ir.Value
	poisoned map[string]bool // names whose node could not be built; who reads them is not at fault
	opsets   map[string]int
	prefix   string                            // of the names of what a function call makes
	attrs    map[string]*onnxpb.AttributeProto // of the function call; nil outside of functions
	depth    int
}

func (im *importer) model(p *onnxpb.ModelProto) (*ir.Graph, error) {
	if p.IrVersion < minIRVersion {
		return nil, fmt.Errorf("IR version %d is %w, %d is the oldest that is", p.IrVersion, ErrUnsupported, minIRVersion)
	}
	opsets, err := opsetMap(p.OpsetImport)
	if err != nil {
		return nil, err
	}
	im.functions = map[functionKey]*onnxpb.FunctionProto{}
	for _, f := range p.Functions {
		im.functions[functionKey{domain(f.Domain), f.Name, f.Overload}] = f
	}
	g := ir.NewGraph(p.Graph.Name)
	g.Opset = opsets[""]
	g.Doc = p.DocString
	for _, kv := range p.MetadataProps {
		g.SetMeta(kv.Key, kv.Value)
	}
	s := &scope{g: g, values: map[string]*ir.Value{}, poisoned: map[string]bool{}, opsets: opsets}
	im.graph(s, p.Graph, nil)
	if len(im.problems) > 0 {
		return nil, nil
	}
	return g, nil
}

// domain is the name by which a domain is looked up: the default one has two.
func domain(name string) string {
	if name == "ai.onnx" {
		return ""
	}
	return name
}

func opsetMap(imports []*onnxpb.OperatorSetIdProto) (map[string]int, error) {
	opsets := map[string]int{}
	for _, o := range imports {
		if o.Version < 1 || o.Version > math.MaxInt32 {
			return nil, fmt.Errorf("opset %d of domain %q is %w", o.Version, o.Domain, ErrUnsupported)
		}
		opsets[domain(o.Domain)] = int(o.Version)
	}
	if opsets[""] == 0 {
		opsets[""] = 1 // what IR version 3 says of a file that imports nothing
	}
	return opsets, nil
}

// graph builds a graph into s: inputs, constants, nodes, outputs. formals are the types of inputs that leave theirs out.
func (im *importer) graph(s *scope, p *onnxpb.GraphProto, formals []ir.Type) {
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
	im.nodes(s, p.Node)
	im.outputs(s, p.Output)
}

// define makes a value by its name in the file.
func (im *importer) define(s *scope, name string, make func(string) (*ir.Value, error)) (*ir.Value, error) {
	if name == "" {
		return nil, fmt.Errorf("the name is empty")
	}
	if s.values[name] != nil {
		return nil, fmt.Errorf("the name is given twice")
	}
	v, err := make(s.g.FreshName(s.prefix + name))
	if err == nil {
		s.values[name] = v
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
		v := s.values[o.Name]
		if v == nil {
			if !s.poisoned[o.Name] {
				im.problem("", "", fmt.Errorf("output %q: no node, input or initializer has that name", o.Name))
			}
			continue
		}
		if _, err := valueType(o.Type); err != nil {
			im.problem("", "", fmt.Errorf("output %q: %w", o.Name, err))
			continue
		}
		values = append(values, v)
	}
	s.g.SetOutputs(values...)
}

// nodes builds nodes in topological order, which files should have but need not.
func (im *importer) nodes(s *scope, nodes []*onnxpb.NodeProto) {
	order, cycle := sortNodes(s, nodes)
	for _, p := range order {
		im.node(s, p)
	}
	for _, p := range cycle {
		im.poison(s, p)
	}
	for _, p := range cycle {
		missing := ""
		for _, in := range p.Input {
			if in != "" && s.values[in] == nil && (!s.poisoned[in] || producedBy(cycle, in)) {
				missing = in
				break
			}
		}
		if !producedBy(nodes, missing) {
			im.problem(nodeName(s, p), opName(p), fmt.Errorf("input %q: no node, input or initializer has that name", missing))
			continue
		}
		if reaches(cycle, p, p) {
			im.problem(nodeName(s, p), opName(p), fmt.Errorf("input %q depends on the node's own output: a cycle", missing))
		}
	}
}

// sortNodes returns the nodes in an order in which each stands behind those it reads from, keeping the file's order
// where that is one, and the nodes for which there is none: on a cycle, behind one, or with an input that nobody makes.
func sortNodes(s *scope, nodes []*onnxpb.NodeProto) (order, rest []*onnxpb.NodeProto) {
	known := map[string]bool{"": true}
	for name := range s.values {
		known[name] = true
	}
	for name := range s.poisoned {
		known[name] = true
	}
	waiting := map[string][]int{} // by the missing name
	missing := make([]int, len(nodes))
	var ready []int
	add := func(i int) {
		order = append(order, nodes[i])
		for _, out := range nodes[i].Output {
			if known[out] {
				continue
			}
			known[out] = true
			for _, j := range waiting[out] {
				if missing[j]--; missing[j] == 0 {
					ready = append(ready, j)
				}
			}
		}
	}
	for i, p := range nodes {
		for _, in := range slices.Compact(slices.Sorted(slices.Values(readNames(p)))) {
			if !known[in] {
				missing[i]++
				waiting[in] = append(waiting[in], i)
			}
		}
		if missing[i] == 0 {
			ready = append(ready, i)
		}
		for len(ready) > 0 {
			j := ready[0]
			ready = ready[1:]
			add(j)
		}
	}
	for i, p := range nodes {
		if missing[i] > 0 {
			rest = append(rest, p)
		}
	}
	return order, rest
}

// readNames is the names that a node reads in its graph: its inputs and what its bodies capture.
func readNames(p *onnxpb.NodeProto) []string {
	return append(slices.Clone(p.Input), freeNames(p)...)
}

func producedBy(nodes []*onnxpb.NodeProto, name string) bool {
	return slices.ContainsFunc(nodes, func(p *onnxpb.NodeProto) bool { return slices.Contains(p.Output, name) })
}

// reaches reports whether to reads, over any number of nodes, what from makes.
func reaches(nodes []*onnxpb.NodeProto, from, to *onnxpb.NodeProto) bool {
	readers := map[string][]*onnxpb.NodeProto{}
	for _, p := range nodes {
		for _, in := range readNames(p) {
			readers[in] = append(readers[in], p)
		}
	}
	seen := map[*onnxpb.NodeProto]bool{}
	work := []*onnxpb.NodeProto{from}
	for len(work) > 0 {
		p := work[len(work)-1]
		work = work[:len(work)-1]
		for _, out := range p.Output {
			for _, r := range readers[out] {
				if r == to && out != "" {
					return true
				}
				if !seen[r] {
					seen[r] = true
					work = append(work, r)
				}
			}
		}
	}
	return false
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
