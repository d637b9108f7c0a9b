package exporter

import (
	"fmt"
	"maps"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// names gives values their names in the file. Within a body they must differ from those of the graphs around it, since
// ONNX lets a body see these; captured values go by the outer name, and so do constants that a graph around has, too.
type names struct {
	byValue map[*ir.Value]string
	consts  map[*tensor.Tensor]string // of this graph and those around it
	outer   map[*ir.Value]bool        // values of this graph that the file has further out
	taken   map[string]bool
	main    bool            // not of a body
	all     map[string]bool // names of the whole file, which new values must not have
}

// newNames names g's values. captured has the names of the values that a body captures, and around the names visible in
// the body. With hoist, the constants of the body go to the main graph, and get names that appear nowhere else.
func newNames(g *ir.Graph, captured map[*ir.Value]string, around *names, hoist bool) *names {
	n := &names{
		byValue: map[*ir.Value]string{}, consts: map[*tensor.Tensor]string{}, outer: map[*ir.Value]bool{}, taken: map[string]bool{},
	}
	if around != nil {
		n.taken, n.consts, n.all = maps.Clone(around.taken), maps.Clone(around.consts), around.all
	} else {
		n.all = map[string]bool{}
		n.collect(g)
	}
	for v, name := range captured {
		n.byValue[v], n.outer[v] = name, true
	}
	if n.main = around == nil; n.main {
		for _, v := range g.Outputs() { // asked for by name: a constant that is one goes by another, see encoder.outputs
			n.taken[v.Name()] = v.Const() != nil
		}
	}
	for _, v := range g.Values() {
		if n.outer[v] {
			continue
		}
		if name, ok := n.consts[v.Const()]; ok && around != nil && v.Const() != nil {
			n.byValue[v], n.outer[v] = name, true
			continue
		}
		if v.Const() != nil && hoist {
			continue
		}
		n.byValue[v] = n.fresh(v.Name())
		if v.Const() != nil {
			n.consts[v.Const()] = n.byValue[v]
		}
	}
	return n
}

// collect notes the names of a graph and of the bodies in it.
func (n *names) collect(g *ir.Graph) {
	for _, v := range g.Values() {
		n.all[v.Name()] = true
	}
	for _, node := range g.Nodes() {
		for _, body := range ir.Bodies(node.Op) {
			n.collect(body)
		}
	}
}

// of is a value's name, "" for an absent one. A value that has come since gets one that is nowhere in the file.
func (n *names) of(v *ir.Value) string {
	if v == nil {
		return ""
	}
	name, ok := n.byValue[v]
	if !ok {
		name = n.unused(v.Name(), func(s string) bool { return n.taken[s] || n.all[s] })
		n.all[name], n.byValue[v] = true, name
	}
	return name
}

// replace gives the values that nodes are yet to make the names of those that they stand for.
func (n *names) replace(old, new []*ir.Value) {
	for i, v := range old {
		if v == nil || i >= len(new) || new[i] == nil {
			continue
		}
		if _, named := n.byValue[new[i]]; !named && new[i].Def() != nil {
			n.byValue[new[i]] = n.of(v)
		}
	}
}

// fresh is base, or base and a number.
func (n *names) fresh(base string) string {
	return n.unused(base, func(s string) bool { return n.taken[s] })
}

func (n *names) unused(base string, taken func(string) bool) string {
	name := base
	for i := 1; taken(name); i++ {
		name = fmt.Sprintf("%s_%d", base, i)
	}
	n.taken[name] = true
	return name
}
