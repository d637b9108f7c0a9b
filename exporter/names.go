package exporter

import (
	"fmt"
	"maps"

	"github.com/onnxrun/onnxrun/ir"
)

// names gives values their names in the file. Within a body they must differ from those of the graphs around it, since
// ONNX lets a body see these; only captured values go by the outer name.
type names struct {
	byValue map[*ir.Value]string
	taken   map[string]bool
}

// newNames names g's values. outer has the names of those that a body captures, around those that are visible in it.
func newNames(g *ir.Graph, outer map[*ir.Value]string, around *names) *names {
	n := &names{byValue: map[*ir.Value]string{}, taken: map[string]bool{}}
	if around != nil {
		n.taken = maps.Clone(around.taken)
	}
	for v, name := range outer {
		n.byValue[v] = name
	}
	for _, v := range g.Values() {
		if _, captured := outer[v]; !captured {
			n.byValue[v] = n.fresh(v.Name())
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
