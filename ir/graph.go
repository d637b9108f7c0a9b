// Package ir is the graph that every model becomes: values in single-assignment form, nodes that carry typed operators,
// explicit uses, types with symbolic dimensions. It knows neither files nor kernels.
package ir

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/tensor"
)

// Op is an operator with its attributes: a pointer to an attribute struct of package ops. A type switch on it tells
// operators apart. It is immutable once a node has it, and clones of a graph share it; bodies are the exception, each
// graph has its own.
type Op interface {
	// Def is what there is to say of the operator, whatever its attributes.
	Def() *Def
}

// Graph is a model, or the body of a control-flow operator. Nodes stand in topological order. A body refers to nothing
// outside itself: what it captures are its last inputs, and the node that owns it passes them in.
type Graph struct {
	Name, Doc string
	Opset     int // of the default domain, in the file it came from; the graph itself is always in the newest form
	Metadata  []KeyValue
	Origin    Origin
	declared  map[string]Type // of outputs, by name
	inputs    []*Value
	outputs   []*Value
	nodes     []*Node
	values    []*Value // by id; nil where removed
	names     nameTable[*Value]
	nodeNames nameTable[struct{}]
	nextName  map[string]int // the number that the next fresh name ends in, by base
	nextNode  map[string]int
	backing   any // keeps alive what constants alias (a file mapping)
}

// Origin is what the file of a model says of where it comes from.
type Origin struct {
	Producer, ProducerVersion string
	Domain                    string
	Version                   int    // of the model
	GraphDoc                  string // Graph.Doc is the model's
}

// KeyValue is a metadata entry.
type KeyValue struct{ Key, Value string }

// Node is one application of an operator. An optional input or output that is absent is nil.
type Node struct {
	Name    string
	Doc     string // of this very node, in the file it came from
	Op      Op
	inputs  []*Value
	outputs []*Value
	graph   *Graph
}

// NewGraph returns an empty graph.
func NewGraph(name string) *Graph {
	return &Graph{
		Name: name, names: newNameTable[*Value](0), nodeNames: newNameTable[struct{}](0),
		nextName: map[string]int{}, nextNode: map[string]int{},
	}
}

// Reserve makes room in an empty graph for about so many values and nodes, so that very many take no longer to add.
func (g *Graph) Reserve(values, nodes int) {
	if len(g.values)+len(g.nodes) == 0 {
		g.names, g.nodeNames = newNameTable[*Value](values), newNameTable[struct{}](nodes)
		g.values, g.nodes = make([]*Value, 0, values), make([]*Node, 0, nodes)
	}
}

// KeepAlive makes the graph hold on to x, whose memory constants alias.
func (g *Graph) KeepAlive(x any) { g.backing = x }

// Backing is what KeepAlive was given.
func (g *Graph) Backing() any { return g.backing }

// Inputs, Outputs and Nodes are shared; not to be written to. Nodes are in topological order.
func (g *Graph) Inputs() []*Value  { return g.inputs }
func (g *Graph) Outputs() []*Value { return g.outputs }
func (g *Graph) Nodes() []*Node    { return g.nodes }

// NumValues is one more than the greatest id of a value.
func (g *Graph) NumValues() int { return len(g.values) }

// Values is all values in the order of their ids.
func (g *Graph) Values() []*Value {
	return slices.DeleteFunc(slices.Clone(g.values), func(v *Value) bool { return v == nil })
}

// Value is the value of that name, or nil.
func (g *Graph) Value(name string) *Value {
	v, _ := g.names.get(name)
	return v
}

// Meta is the metadata entry of that key.
func (g *Graph) Meta(key string) (string, bool) {
	for _, kv := range g.Metadata {
		if kv.Key == key {
			return kv.Value, true
		}
	}
	return "", false
}

// SetMeta sets a metadata entry.
func (g *Graph) SetMeta(key, value string) {
	for i := range g.Metadata {
		if g.Metadata[i].Key == key {
			g.Metadata[i].Value = value
			return
		}
	}
	g.Metadata = append(g.Metadata, KeyValue{key, value})
}

// Inputs and Outputs are shared; not to be written to. Absent ones are nil.
func (n *Node) Inputs() []*Value  { return n.inputs }
func (n *Node) Outputs() []*Value { return n.outputs }

// In is input i, nil when absent.
func (n *Node) In(i int) *Value {
	if i < 0 || i >= len(n.inputs) {
		return nil
	}
	return n.inputs[i]
}

// Out is output i, nil when absent.
func (n *Node) Out(i int) *Value {
	if i < 0 || i >= len(n.outputs) {
		return nil
	}
	return n.outputs[i]
}

// Graph is the graph that the node stands in.
func (n *Node) Graph() *Graph { return n.graph }

// OpName is the operator's name as ONNX has it, with its domain where that is not the default one.
func (n *Node) OpName() string { return n.Op.Def().FullName() }

// AddInput appends a graph input.
func (g *Graph) AddInput(name string, t Type) (*Value, error) {
	v, err := g.newValue(name, t)
	if err != nil {
		return nil, err
	}
	g.addInput(v)
	return v, nil
}

// AddConst adds a constant. The tensor is shared and must not change from now on. An empty name gets a fresh one.
func (g *Graph) AddConst(name string, t *tensor.Tensor) (*Value, error) {
	if name == "" {
		name = g.FreshName("const")
	}
	v, err := g.newValue(name, TensorType(t))
	if err != nil {
		return nil, err
	}
	v.konst = t
	v.dims = constDims(t)
	return v, nil
}

// maxKnownDims bounds how long a shape-like value is followed.
const maxKnownDims = 64

func constDims(t *tensor.Tensor) []Dim {
	if t.Rank() > 1 || t.Len() > maxKnownDims || t.DType() != tensor.Int64 && t.DType() != tensor.Int32 {
		return nil
	}
	ints, _ := t.AsInts()
	return Dims(ints...)
}

// Append adds a node at the end and infers the types of its outputs. An output named "" is absent. An empty node name
// gets a fresh one. The graph is unchanged when it fails. From now on op must not change; graphs share it.
func (g *Graph) Append(name string, op Op, inputs []*Value, outputs []string) (*Node, error) {
	n, err := g.newNode(name, op, inputs, outputs)
	if err != nil {
		return nil, err
	}
	g.nodes = append(g.nodes, n)
	return n, nil
}

// newNode makes a node with its outputs and uses; its place in the list of nodes is the caller's to give.
func (g *Graph) newNode(name string, op Op, inputs []*Value, outputs []string) (*Node, error) {
	if name == "" || g.nodeNames.has(name) {
		base := name
		if base == "" {
			base = op.Def().Name
		}
		name = g.freshNodeName(base)
	}
	n := &Node{Name: name, Op: op, inputs: slices.Clone(withoutLastAbsent(inputs)), graph: g}
	fail := func(err error) (*Node, error) { return nil, &Error{Node: name, Op: n.OpName(), Err: err} }
	for i, v := range n.inputs {
		if v != nil && !g.owns(v) {
			return fail(fmt.Errorf("input %d: value %q is not of this graph", i, v.name))
		}
	}
	twice := Repeated(outputs)
	for i, out := range outputs {
		if out != "" && (g.names.has(out) || i == twice) {
			return fail(fmt.Errorf("output %d: value %q is defined twice", i, out))
		}
	}
	types, dims, err := inferNode(n, len(outputs))
	if err != nil {
		return nil, err
	}
	n.outputs = make([]*Value, len(outputs))
	for i, out := range outputs {
		if out == "" {
			continue
		}
		v, err := g.newValue(out, types[i])
		if err != nil {
			return fail(err)
		}
		v.def, v.index, v.dims = n, i, dims[i]
		n.outputs[i] = v
	}
	for i, v := range n.inputs {
		if v != nil {
			v.uses = append(v.uses, Use{n, i})
		}
	}
	g.nodeNames.set(name, struct{}{})
	return n, nil
}

func withoutLastAbsent(inputs []*Value) []*Value {
	for len(inputs) > 0 && inputs[len(inputs)-1] == nil {
		inputs = inputs[:len(inputs)-1]
	}
	return inputs
}

func (g *Graph) owns(v *Value) bool {
	return v.id >= 0 && v.id < len(g.values) && g.values[v.id] == v
}

// SetOutputs says which values the graph returns.
func (g *Graph) SetOutputs(outputs ...*Value) {
	for _, v := range g.outputs {
		if v != nil {
			v.outs--
		}
	}
	g.outputs = nil
	for _, v := range outputs {
		g.addOutput(v)
	}
}

func (g *Graph) addOutput(v *Value) {
	g.outputs = append(g.outputs, v)
	if v != nil {
		v.outs++
	}
}

func (g *Graph) addInput(v *Value) {
	g.inputs = append(g.inputs, v)
	v.input = true
}

// Declare keeps the type that a file states for the output of that name.
func (g *Graph) Declare(output string, t Type) {
	if g.declared == nil {
		g.declared = map[string]Type{}
	}
	g.declared[output] = t
}

// OutputType is the type of a graph output, its unknown dimensions as they have been declared.
func (g *Graph) OutputType(v *Value) Type {
	t, stated := v.typ, g.declared[v.name]
	if t.Shape == nil && stated.DType == t.DType {
		return stated
	}
	if len(stated.Shape) != len(t.Shape) {
		return t
	}
	t.Shape = t.Shape.Clone()
	for i, d := range t.Shape {
		if d.IsUnknown() {
			t.Shape[i] = stated.Shape[i]
		}
	}
	return t
}

// Rename gives a value another name, which must be free.
func (g *Graph) Rename(v *Value, name string) error {
	if v.name == name {
		return nil
	}
	if name == "" || g.names.has(name) {
		return fmt.Errorf("ir: value %q: name %q is empty or taken", v.name, name)
	}
	g.names.delete(v.name)
	v.name = name
	g.names.set(name, v)
	return nil
}

// RenameNode gives a node another name, which must be free.
func (g *Graph) RenameNode(n *Node, name string) error {
	if n.Name == name {
		return nil
	}
	if name == "" || g.nodeNames.has(name) {
		return fmt.Errorf("ir: node %q: name %q is empty or taken", n.Name, name)
	}
	g.nodeNames.delete(n.Name)
	n.Name = name
	g.nodeNames.set(name, struct{}{})
	return nil
}

func (g *Graph) newValue(name string, t Type) (*Value, error) {
	if name == "" {
		return nil, fmt.Errorf("ir: a value has an empty name")
	}
	if g.names.has(name) {
		return nil, fmt.Errorf("ir: value %q: defined twice", name)
	}
	v := &Value{name: name, typ: t, id: len(g.values)}
	g.values = append(g.values, v)
	g.names.set(name, v)
	return v, nil
}

// FreshName is base, with a number added where a value has that name.
func (g *Graph) FreshName(base string) string {
	return fresh(base, g.nextName, g.names.has)
}

func (g *Graph) freshNodeName(base string) string {
	return fresh(base, g.nextNode, g.nodeNames.has)
}

// fresh keeps in next the number to try first for each base, so that many names of one base take linear time.
func fresh(base string, next map[string]int, taken func(string) bool) string {
	if !taken(base) {
		return base
	}
	for i := max(next[base], 1); ; i++ {
		if s := fmt.Sprintf("%s_%d", base, i); !taken(s) {
			next[base] = i
			return s
		}
	}
}
