package train

import (
	"slices"

	"github.com/onnxrun/onnxrun/internal/modelinfo"
	"github.com/onnxrun/onnxrun/ir"
)

// FrozenUpTo is all that a node, named by its own name or by that of a value which it computes, depends on, the node itself
// included, and the boundary: the values, graph inputs among them, that the other nodes or the graph's outputs read of it.
// Where that is one value, the model can be parted there (SplitAt). A name that there is not is an *UnknownError.
func FrozenUpTo(g *ir.Graph, node string) (frozen map[*ir.Node]bool, boundary []*ir.Value, err error) {
	n, err := nodeNamed(g, node)
	if err != nil {
		return nil, nil, err
	}
	frozen = map[*ir.Node]bool{n: true}
	for _, m := range slices.Backward(g.Nodes()) {
		if !frozen[m] {
			continue
		}
		for _, v := range m.Inputs() {
			if v != nil && v.Def() != nil {
				frozen[v.Def()] = true
			}
		}
	}
	for _, v := range g.Values() {
		if v.Const() != nil || v.Def() != nil && !frozen[v.Def()] {
			continue
		}
		if v.IsOutput() || slices.ContainsFunc(v.Uses(), func(u ir.Use) bool { return !frozen[u.Node] }) {
			boundary = append(boundary, v)
		}
	}
	return frozen, boundary, nil
}

// nodeNamed is the node of that name, or the one that computes the value of that name.
func nodeNamed(g *ir.Graph, name string) (*ir.Node, error) {
	if v := modelinfo.Layer(g, name); v != nil && v.Def() != nil {
		return v.Def(), nil
	}
	return nil, &UnknownError{What: "node", Name: name, Known: modelinfo.LayerNames(g)}
}
