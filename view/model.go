// Package view draws models: one page of HTML, which needs nothing else, with a graph or with two side by side.
package view

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/onnxrun/onnxrun/internal/mapped"
	"github.com/onnxrun/onnxrun/internal/modelinfo"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Model is what a page says of a graph.
type Model struct {
	Title      string     `json:"title"` // a file's name, or the graph's
	Name       string     `json:"name"`
	Opset      int        `json:"opset"`
	Parameters int64      `json:"parameters"`
	MACs       int64      `json:"macs"`
	Uncounted  int        `json:"uncounted,omitempty"` // multiplying nodes whose shapes are not known
	Operators  int        `json:"operators"`           // nodes of the graph
	Hidden     int        `json:"hidden,omitempty"`    // of these, what depends on no input and is not drawn
	Micros     float64    `json:"us,omitempty"`        // of one run; 0: not measured
	Elsewhere  float64    `json:"us_elsewhere,omitempty"`
	Nodes      []Node     `json:"nodes"` // inputs, nodes in order, outputs
	Metadata   []Metadata `json:"metadata,omitempty"`

	links []edge
}

// Metadata is an entry of the model's metadata.
type Metadata struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Node is a box of the drawing: a node of the graph, an input or an output.
type Node struct {
	Kind       string  `json:"kind"` // node, input or output
	Name       string  `json:"name"`
	Op         string  `json:"op"`
	Family     string  `json:"family"`          // of operators
	Facts      string  `json:"facts,omitempty"` // what tells it from others of its operator, in few characters
	Attributes []Attr  `json:"attributes,omitempty"`
	Inputs     []Value `json:"inputs,omitempty"`
	Outputs    []Value `json:"outputs,omitempty"`
	Parameters int64   `json:"parameters,omitempty"`
	MACs       int64   `json:"macs,omitempty"`
	Steps      []Step  `json:"steps,omitempty"` // what a run does for it
	Micros     float64 `json:"us,omitempty"`

	node  *ir.Node
	value *ir.Value // of an output
}

// Attr is an attribute with its value as text.
type Attr struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Value is an input or output of a node.
type Value struct {
	Role     string `json:"role,omitempty"` // the operator's name for it
	Name     string `json:"name"`
	Type     string `json:"type"`
	Constant string `json:"constant,omitempty"` // the elements of a short constant, … of a long one
}

// cost is what a node of the graph costs.
type cost struct{ parameters, macs int64 }

func (c *cost) add(d cost) {
	c.parameters += d.parameters
	c.macs += d.macs
}

// Step is a step of a profiled run: the work for one node, with all that is fused into it.
type Step struct {
	Node      string  `json:"-"` // a node's name, or that of the value it computes
	Value     string  `json:"-"`
	Op        string  `json:"op"` // as it ran
	Algorithm string  `json:"algorithm"`
	Micros    float64 `json:"us"`
}

// edge is a line between boxes, by number.
type edge struct {
	from, to int
	value    *ir.Value
}

// Describe says of a graph what a page shows, for Write to draw. Constants are left out and, unless all is true, nodes that
// depend on no input, too; what such nodes cost counts for a node that reads them.
func Describe(g *ir.Graph, title string, all bool) (m *Model, err error) {
	defer mapped.Of(g.Backing()).Guard(&err)()
	counts, err := modelinfo.Count(g)
	if err != nil {
		return nil, err
	}
	costs := make(map[string]cost, len(counts.Nodes))
	for _, n := range counts.Nodes {
		costs[n.Node.Name] = cost{n.Parameters, n.MACs}
	}
	m = newModel(g, title, costs, !all)
	m.Uncounted = counts.Uncounted
	return m, nil
}

// newModel is Describe where the costs are known, by name of the node.
func newModel(g *ir.Graph, title string, costs map[string]cost, hideConstant bool) *Model {
	m := &Model{Title: cmp.Or(title, g.Name), Name: g.Name, Opset: g.Opset, Operators: len(g.Nodes())}
	for _, kv := range g.Metadata {
		m.Metadata = append(m.Metadata, Metadata{kv.Key, kv.Value})
	}
	from := map[*ir.Value]int{}
	for _, v := range g.Inputs() {
		from[v] = len(m.Nodes)
		m.Nodes = append(m.Nodes, Node{Kind: "input", Name: v.Name(), Op: "Input", Family: "io", Outputs: []Value{describeValue(v, "")}})
	}
	constant, inherited := constantNodes(g), map[*ir.Node]cost{}
	for _, n := range g.Nodes() {
		cost := costs[n.Name]
		m.Parameters += cost.parameters
		m.MACs += cost.macs
		cost.add(inherited[n])
		if hideConstant && constant[n] {
			m.Hidden++
			if reader := firstReader(n); reader != nil {
				cost.add(inherited[reader])
				inherited[reader] = cost
			}
			continue
		}
		box := Node{
			Kind: "node", Name: n.Name, Op: n.OpName(), Family: n.Op.Def().Family.String(), Facts: facts(n), Attributes: attributes(n.Op),
			Parameters: cost.parameters, MACs: cost.macs, node: n,
		}
		for i, v := range n.Inputs() {
			box.Inputs = append(box.Inputs, describeValue(v, role(n.Op.Def().Ins, i)))
			m.link(from, v)
		}
		for i, v := range n.Outputs() {
			box.Outputs = append(box.Outputs, describeValue(v, role(n.Op.Def().Outs, i)))
			if v != nil {
				from[v] = len(m.Nodes)
			}
		}
		m.Nodes = append(m.Nodes, box)
	}
	for _, v := range g.Outputs() {
		m.link(from, v)
		m.Nodes = append(m.Nodes, Node{Kind: "output", Name: v.Name(), Op: "Output", Family: "io", Inputs: []Value{describeValue(v, "")}, value: v})
	}
	return m
}

// firstReader is a node that reads what n computes; nil where none does.
func firstReader(n *ir.Node) *ir.Node {
	for _, v := range n.Outputs() {
		if v != nil && len(v.Uses()) > 0 {
			return v.Uses()[0].Node
		}
	}
	return nil
}

// link adds the line that brings v to the box that is about to be added.
func (m *Model) link(from map[*ir.Value]int, v *ir.Value) {
	if i, ok := from[v]; ok {
		m.links = append(m.links, edge{i, len(m.Nodes), v})
	}
}

// constantNodes is the nodes that depend on no input, unless they compute an output.
func constantNodes(g *ir.Graph) map[*ir.Node]bool {
	constant := map[*ir.Node]bool{}
	for _, n := range g.Nodes() {
		constant[n] = !slices.ContainsFunc(n.Inputs(), func(v *ir.Value) bool {
			return v != nil && v.Const() == nil && (v.Def() == nil || !constant[v.Def()])
		})
	}
	for _, v := range g.Outputs() {
		if v.Def() != nil {
			keepAncestors(constant, v.Def())
		}
	}
	return constant
}

// keepAncestors takes a constant node, and what it is computed from, out of the set.
func keepAncestors(constant map[*ir.Node]bool, n *ir.Node) {
	work := []*ir.Node{n}
	for len(work) > 0 {
		n := work[len(work)-1]
		work = work[:len(work)-1]
		if !constant[n] {
			continue
		}
		delete(constant, n)
		for _, v := range n.Inputs() {
			if v != nil && v.Def() != nil {
				work = append(work, v.Def())
			}
		}
	}
}

// role is the operator's name for its input or output i.
func role(params []ir.Param, i int) string {
	if len(params) == 0 {
		return ""
	}
	return params[min(i, len(params)-1)].Name
}

// maxElements is how many elements of a constant are told.
const maxElements = 8

func describeValue(v *ir.Value, role string) Value {
	if v == nil {
		return Value{Role: role, Name: "", Type: "absent"}
	}
	d := Value{Role: role, Name: v.Name(), Type: typeText(v.Type())}
	if t := v.Const(); t != nil {
		d.Constant = elements(t)
	}
	return d
}

// elements is the elements of a short tensor of numbers as text, … for others.
func elements(t *tensor.Tensor) string {
	if t.Len() > maxElements {
		return "…"
	}
	if ints, ok := t.AsInts(); ok {
		return fmt.Sprint(ints)
	}
	if data, ok := t.AsFloat32(); ok {
		return fmt.Sprint(data)
	}
	return "…"
}

func typeText(t ir.Type) string {
	if t.Shape == nil {
		return t.DType.String() + " of unknown rank"
	}
	return strings.TrimSpace(t.DType.String() + " " + shapeText(t.Shape))
}

func shapeText(s ir.Shape) string {
	parts := make([]string, len(s))
	for i, d := range s {
		parts[i] = d.String()
	}
	return strings.Join(parts, "×")
}

var numbered = regexp.MustCompile(`_[0-9]+$`)

// SetProfile says what the steps of a run took. A step belongs to the node of its name, else to the node that computes its
// value, else to the node from whose name a fresh one was made by a number at its end; what belongs to none that is drawn
// is Elsewhere.
func (m *Model) SetProfile(steps []Step) {
	byName, byValue := map[string]*Node{}, map[string]*Node{}
	for i := range m.Nodes {
		if n := &m.Nodes[i]; n.node != nil {
			byName[n.Name] = n
			for _, v := range n.Outputs {
				byValue[v.Name] = n
			}
		}
	}
	for _, s := range steps {
		m.Micros += s.Micros
		n := cmp.Or(byName[s.Node], byValue[s.Value], byName[numbered.ReplaceAllString(s.Node, "")])
		if n == nil {
			m.Elsewhere += s.Micros
			continue
		}
		n.Micros += s.Micros
		n.Steps = append(n.Steps, s)
	}
}
