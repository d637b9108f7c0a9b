package view

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// Status is what became of a node.
type Status string

const (
	Same    Status = "same"
	Changed Status = "changed"
	Removed Status = "removed"
	Added   Status = "added"
)

// Mark is what a comparison says of a box.
type Mark struct {
	Status  Status   `json:"status"`
	Partner int      `json:"partner"` // its number in the other model; −1: none
	Changes []string `json:"changes,omitempty"`
}

// Comparison is the differences of two models. The marks are by box; the counts are of nodes, inputs and outputs left out.
type Comparison struct {
	Before  []Mark `json:"before"`
	After   []Mark `json:"after"`
	Same    int    `json:"same"`
	Changed int    `json:"changed"`
	Removed int    `json:"removed"`
	Added   int    `json:"added"`
}

// Compare matches the boxes of two models by their names and those of the values they compute, those left over by what
// they read where nothing else differs, and says of each whether it is the same, with the same attributes, constants (to the bit), types and inputs. An input is the same where it comes
// from nodes that match, removed and added ones in between left aside: these have marks of their own.
func Compare(a, b *Model) *Comparison {
	c := &comparer{a: newSide(a), b: newSide(b)}
	c.match()
	r := &Comparison{Before: make([]Mark, len(a.Nodes)), After: make([]Mark, len(b.Nodes))}
	for i := range a.Nodes {
		j := c.a.partner[i]
		if j < 0 {
			r.Before[i] = Mark{Removed, -1, nil}
			r.count(Removed, &a.Nodes[i])
			continue
		}
		mark := Mark{Same, j, c.changes(i, j)}
		if len(mark.Changes) > 0 {
			mark.Status = Changed
		}
		r.count(mark.Status, &a.Nodes[i])
		r.Before[i] = mark
		mark.Partner = i
		r.After[j] = mark
	}
	for j := range b.Nodes {
		if c.b.partner[j] < 0 {
			r.After[j] = Mark{Added, -1, nil}
			r.count(Added, &b.Nodes[j])
		}
	}
	return r
}

func (r *Comparison) count(s Status, n *Node) {
	if n.Kind == "node" {
		*map[Status]*int{Same: &r.Same, Changed: &r.Changed, Removed: &r.Removed, Added: &r.Added}[s]++
	}
}

// side is one of two models while they are compared.
type side struct {
	*Model
	partner []int
	box     map[*ir.Node]int
}

func newSide(m *Model) *side {
	s := &side{m, slices.Repeat([]int{-1}, len(m.Nodes)), map[*ir.Node]int{}}
	for i, n := range m.Nodes {
		if n.node != nil {
			s.box[n.node] = i
		}
	}
	return s
}

type comparer struct{ a, b *side }

// match finds partners: those that agree in more come first, because names that tools make up move from node to node.
func (c *comparer) match() {
	output := func(n *Node) string {
		if len(n.Outputs) == 0 {
			return "\x00" + n.Name // which is no value's name
		}
		return n.Outputs[0].Name
	}
	for _, key := range []func(n *Node) [4]string{
		func(n *Node) [4]string { return [4]string{n.Kind, n.Name, n.Op, output(n)} },
		func(n *Node) [4]string { return [4]string{n.Kind, n.Op, output(n)} },
		func(n *Node) [4]string { return [4]string{n.Kind, n.Op, n.Name} },
		func(n *Node) [4]string { return [4]string{n.Kind, n.Name} },
		func(n *Node) [4]string { return [4]string{n.Kind, output(n)} },
	} {
		free := map[[4]string]int{}
		for j := range c.b.Nodes {
			if c.b.partner[j] < 0 {
				free[key(&c.b.Nodes[j])] = j
			}
		}
		for i := range c.a.Nodes {
			if j, ok := free[key(&c.a.Nodes[i])]; ok && c.a.partner[i] < 0 && c.b.partner[j] < 0 {
				c.a.partner[i], c.b.partner[j] = j, i
			}
		}
	}
	c.matchByPlace()
}

// place is where a node stands: its operator, and what it reads first.
type place struct {
	op    string
	first source
}

// matchByPlace finds partners for nodes that only have other names: they read and do the same.
func (c *comparer) matchByPlace() {
	first := func(s *side, i int) (*ir.Value, bool) {
		n := s.Nodes[i].node
		if n == nil || s.partner[i] >= 0 {
			return nil, false
		}
		k := slices.IndexFunc(n.Inputs(), func(v *ir.Value) bool { return v != nil && v.Const() == nil })
		return n.In(k), k >= 0
	}
	free := map[place][]int{}
	for j := range c.b.Nodes {
		if v, ok := first(c.b, j); ok {
			at := place{c.b.Nodes[j].Op, c.b.direct(v)}
			free[at] = append(free[at], j)
		}
	}
	for i := range c.a.Nodes {
		v, ok := first(c.a, i)
		if !ok {
			continue
		}
		from := c.a.source(v, "before")
		if from.box >= 0 {
			from.box = c.a.partner[from.box]
		}
		at := place{c.a.Nodes[i].Op, from}
		for k, j := range free[at] {
			if !slices.ContainsFunc(c.changes(i, j), func(s string) bool { return !strings.HasPrefix(s, "output: ") }) {
				c.a.partner[i], c.b.partner[j] = j, i
				free[at] = slices.Delete(free[at], k, k+1)
				break
			}
		}
	}
}

// direct is the box that computes a value, whether it has a partner or not.
func (s *side) direct(v *ir.Value) source {
	if v.Def() == nil {
		return source{-1, 0, v.Name()}
	}
	if i, ok := s.box[v.Def()]; ok {
		return source{i, v.DefIndex(), ""}
	}
	return source{-1, 0, "constant " + v.Name()}
}

// changes is the differences of two partners, for people to read.
func (c *comparer) changes(i, j int) (list []string) {
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	x, y := &c.a.Nodes[i], &c.b.Nodes[j]
	if x.Op != y.Op {
		add("operator: %s → %s", x.Op, y.Op)
	}
	if x.Kind == "output" {
		if what := c.changedInput(x.value, y.value); what != "" {
			add("%s", what)
		}
	}
	if x.node != nil && y.node != nil {
		list = append(list, changedAttributes(x.node.Op, y.node.Op)...)
		for k := range max(len(x.Inputs), len(y.Inputs)) {
			if what := c.changedInput(x.node.In(k), y.node.In(k)); what != "" {
				add("%s: %s", inputName(x, y, k), what)
			}
		}
	}
	for k := range max(len(x.Outputs), len(y.Outputs)) {
		switch {
		case k >= len(x.Outputs) || k >= len(y.Outputs):
			add("%d outputs → %d", len(x.Outputs), len(y.Outputs))
			return list
		case x.Outputs[k].Type != y.Outputs[k].Type:
			add("output: %s → %s", x.Outputs[k].Type, y.Outputs[k].Type)
		}
	}
	return list
}

func inputName(x, y *Node, k int) string {
	for _, n := range []*Node{x, y} {
		if k < len(n.Inputs) && n.Inputs[k].Role != "" {
			return "input " + n.Inputs[k].Role
		}
	}
	return fmt.Sprintf("input %d", k)
}

// changedAttributes lists the attributes that differ; one that is not there has its default.
func changedAttributes(x, y ir.Op) (list []string) {
	before, after := ir.EncodeAttrs(x, true), ir.EncodeAttrs(y, true)
	find := func(attrs []ir.Attr, name string) (ir.Attr, string) {
		for _, a := range attrs {
			if a.Name == name {
				return a, attrText(a)
			}
		}
		return ir.Attr{}, "default"
	}
	for _, a := range before {
		if b, text := find(after, a.Name); !sameAttr(a.Value, b.Value) && !(b.Value == nil && implied(a)) {
			list = append(list, fmt.Sprintf("%s: %s → %s", a.Name, attrText(a), text))
		}
	}
	for _, b := range after {
		if a, _ := find(before, b.Name); a.Value == nil && !implied(b) {
			list = append(list, fmt.Sprintf("%s: default → %s", b.Name, attrText(b)))
		}
	}
	return list
}

// implied reports whether an attribute says what its absence says: no padding, steps of one, the window of the weights.
func implied(a ir.Attr) bool {
	list, _ := a.Value.([]int)
	all := func(n int) bool { return !slices.ContainsFunc(list, func(x int) bool { return x != n }) }
	switch a.Name {
	case "strides", "dilations":
		return all(1)
	case "pads":
		return all(0)
	}
	return a.Name == "kernel_shape"
}

func sameAttr(a, b any) bool {
	switch x := a.(type) {
	case *tensor.Tensor:
		y, ok := b.(*tensor.Tensor)
		return ok && x.Equal(y)
	case *ir.Graph:
		y, ok := b.(*ir.Graph)
		return ok && x.String() == y.String()
	}
	return reflect.DeepEqual(a, b)
}

// changedInput says how an input differs, "" where it does not.
func (c *comparer) changedInput(x, y *ir.Value) string {
	switch {
	case x == nil && y == nil:
		return ""
	case x == nil:
		return "absent → " + y.Name()
	case y == nil:
		return x.Name() + " → absent"
	}
	s, t := constant(x), constant(y)
	switch {
	case s != nil && t != nil && s.DType() == t.DType() && slices.Equal(s.Shape(), t.Shape()) && s.Equal(t):
		return ""
	case s != nil && t != nil && (s.DType() != t.DType() || !slices.Equal(s.Shape(), t.Shape())):
		return fmt.Sprintf("%s → %s", typeText(x.Type()), typeText(y.Type()))
	case s != nil && t != nil:
		return "other elements"
	case x.Dims() != nil && slices.Equal(x.Dims(), y.Dims()):
		return ""
	}
	if from, to := c.a.source(x, "before"), c.b.source(y, "after"); from != c.renamed(to) {
		return x.Name() + " → " + y.Name()
	}
	return ""
}

// constant is the tensor of a constant, or of one that only Identities lead to; nil where v is neither.
func constant(v *ir.Value) *tensor.Tensor {
	for v.Const() == nil && v.Def() != nil {
		if _, ok := v.Def().Op.(*ops.Identity); !ok {
			break
		}
		v = v.Def().In(0)
	}
	return v.Const()
}

// source is where a value comes from, past nodes without partner.
type source struct {
	box, output int
	name        string // of what no box computes
}

func (s *side) source(v *ir.Value, where string) source {
	for {
		n := v.Def()
		if n == nil {
			return source{-1, 0, v.Name()}
		}
		if i, ok := s.box[n]; ok && s.partner[i] >= 0 {
			return source{i, v.DefIndex(), ""}
		}
		next := slices.IndexFunc(n.Inputs(), func(u *ir.Value) bool { return u != nil && u.Const() == nil })
		if next < 0 {
			return source{-1, 0, where + " " + v.Name()}
		}
		v = n.In(next)
	}
}

// renamed is a source of the model after in terms of the one before.
func (c *comparer) renamed(s source) source {
	if s.box >= 0 {
		s.box = c.b.partner[s.box]
	}
	return s
}
