package runtime

import (
	"errors"
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// replacement is an output of a graph that lies where an input lies: their indices, and the id of the output.
type replacement struct{ in, out, id int }

// replacements finds what Options.InPlace asks for.
func replacements(g *ir.Graph, asked map[string]string) ([]replacement, error) {
	var found []replacement
	if len(asked) == 0 {
		return nil, nil
	}
	taken, order := map[*ir.Value]bool{}, map[*ir.Node]int{}
	for i, n := range g.Nodes() {
		order[n] = i
	}
	for o, out := range g.Outputs() {
		name, ok := asked[out.Name()]
		if !ok {
			continue
		}
		in := slices.IndexFunc(g.Inputs(), func(v *ir.Value) bool { return v.Name() == name })
		if in < 0 {
			return nil, &NameError{What: "input", Name: name, Known: valueNames(g.Inputs())}
		}
		v := g.Inputs()[in]
		err := replaces(order, out, v)
		if v.IsOutput() {
			err = errors.New("the input is an output, too")
		}
		if taken[v] {
			err = errors.New("another output takes its place already")
		}
		if err != nil {
			return nil, fmt.Errorf("runtime: output %q in the place of input %q (Options.InPlace): %w", out.Name(), name, err)
		}
		taken[v] = true
		found = append(found, replacement{in, o, out.ID()})
	}
	if len(found) < len(asked) {
		for name := range asked {
			if !slices.ContainsFunc(g.Outputs(), func(v *ir.Value) bool { return v.Name() == name }) {
				return nil, &NameError{What: "output", Name: name, Known: valueNames(g.Outputs())}
			}
		}
	}
	return found, nil
}

// replaces reports why out cannot be written where in lies.
func replaces(order map[*ir.Node]int, out, in *ir.Value) error {
	n := out.Def()
	if n == nil || !slices.ContainsFunc(updated(n), func(p [2]int) bool { return n.Out(p[0]) == out && n.In(p[1]) == in }) {
		return errors.New("it is not what a step of an optimizer, or a running statistic, makes of that input")
	}
	for _, use := range in.Uses() {
		if order[use.Node] > order[n] {
			return fmt.Errorf("node %q reads the input later: put it before node %q", use.Node.Name, n.Name)
		}
	}
	return nil
}

// updated is the outputs of a node that may lie where an input lies: each element is computed from the one in its place
// alone, after all others that matter to it.
func updated(n *ir.Node) [][2]int {
	switch n.Op.(type) {
	case *ops.Momentum:
		return [][2]int{{0, 0}, {1, 4}}
	case *ops.Adam:
		return [][2]int{{0, 0}, {1, 4}, {2, 5}}
	case *ops.BatchNormalization:
		return [][2]int{{1, 3}, {2, 4}}
	}
	return nil
}
