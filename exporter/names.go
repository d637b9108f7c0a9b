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
}

// newNames names g's values. captured has the names of those that a body captures, around those that are visible in it.
func newNames(g *ir.Graph, captured map[*ir.Value]string, around *names) *names {
	n := &names{
		byValue: map[*ir.Value]string{}, consts: map[*tensor.Tensor]string{}, outer: map[*ir.Value]bool{}, taken: map[string]bool{},
	}
	if around != nil {
		n.taken, n.consts = maps.Clone(around.taken), maps.Clone(around.consts)
	}
	for v, name := range captured {
		n.byValue[v], n.outer[v] = name, true
	}
	for _, v := range g.Values() {
		if n.outer[v] {
			continue
		}
		if name, ok := n.consts[v.Const()]; ok && around != nil && v.Const() != nil {
			n.byValue[v], n.outer[v] = name, true
			continue
		}
		n.byValue[v] = n.fresh(v.Name())
		if v.Const() != nil {
			n.consts[v.Const()] = n.byValue[v]
		}
	}
	return n
}

// of is a value's name, "" for an absent one.
func (n *names) of(v *ir.Value) string {
	if v == nil {
		return ""
	}
	return n.byValue[v]
}

func (n *names) fresh(base string) string {
	name := base
	for i := 1; n.taken[name]; i++ {
		name = fmt.Sprintf("%s_%d", base, i)
	}
	n.taken[name] = true
	return name
}
