package importer

import (
	"fmt"
	"iter"
	"slices"

	"github.com/onnxrun/onnxrun/importer/onnxpb"
)

// nodes builds nodes in topological order, which files should have but need not.
func (im *importer) nodes(s *scope, nodes iter.Seq2[*onnxpb.NodeProto, error]) {
	var later []*onnxpb.NodeProto // from the first one on that reads from a later one
	for p, err := range nodes {
		switch {
		case err != nil:
			im.damage = err
			return
		case len(later) == 0 && inOrder(s, p):
			im.node(s, p)
		default:
			later = append(later, p)
		}
	}
	order, rest := sortNodes(s, later)
	for _, p := range order {
		im.node(s, p)
	}
	im.unordered(s, rest)
	for _, p := range rest {
		im.poison(s, p)
	}
}

// inOrder reports whether all that a node reads comes earlier in the file.
func inOrder(s *scope, p *onnxpb.NodeProto) bool {
	return !slices.ContainsFunc(readNames(p), func(name string) bool { return !s.known(name) })
}

// known reports whether a name needs no more waiting for: it is empty, or has a value, or belongs to a node that
// failed.
func (s *scope) known(name string) bool {
	return name == "" || s.value(name) != nil || s.poisoned[name]
}

// sortNodes returns the nodes in topological order, keeping the order of the file where it is one, and apart from them
// the nodes that have no place in such an order: those on a cycle, downstream of one, or with an input that no node
// makes.
func sortNodes(s *scope, nodes []*onnxpb.NodeProto) (order, rest []*onnxpb.NodeProto) {
	made := make(map[string]bool, len(nodes))
	known := func(name string) bool { return made[name] || s.known(name) }
	waiting := map[string][]int{} // by the missing name
	missing := make([]int, len(nodes))
	var ready []int
	add := func(i int) {
		order = append(order, nodes[i])
		for _, out := range nodes[i].Output {
			if known(out) {
				continue
			}
			made[out] = true
			for _, j := range waiting[out] {
				if missing[j]--; missing[j] == 0 {
					ready = append(ready, j)
				}
			}
		}
	}
	for i, p := range nodes {
		for _, in := range readNames(p) {
			if known(in) {
				continue
			}
			if w := waiting[in]; len(w) == 0 || w[len(w)-1] != i { // else it reads the name twice
				missing[i]++
				waiting[in] = append(w, i)
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

// need is an input for which a node waits, and the node that would make it; nil: nobody does.
type need struct {
	name string
	from *onnxpb.NodeProto
}

// unordered records why the nodes of rest cannot be ordered: an input that no node makes, or a cycle. From each node it
// follows one input that the node waits for, until it comes to a missing input or to a node for the second time.
func (im *importer) unordered(s *scope, rest []*onnxpb.NodeProto) {
	makers := map[string]*onnxpb.NodeProto{}
	for _, p := range rest {
		for _, out := range p.Output {
			makers[out] = p
		}
	}
	needs := map[*onnxpb.NodeProto]need{}
	for _, p := range rest {
		for _, name := range readNames(p) {
			if s.known(name) {
				continue
			}
			if n, ok := needs[p]; !ok || n.from != nil {
				needs[p] = need{name, makers[name]}
			}
		}
		if n := needs[p]; n.from == nil {
			im.problem(nodeName(s, p), opName(p), fmt.Errorf("input %q: no node, input or initializer has that name", n.name))
		}
	}
	walk := map[*onnxpb.NodeProto]int{} // in which walk a node was met
	for i, start := range rest {
		p := start
		for ; p != nil && walk[p] == 0; p = needs[p].from {
			walk[p] = i + 1
		}
		if p == nil || walk[p] != i+1 {
			continue
		}
		for q := p; ; {
			n := needs[q]
			im.problem(nodeName(s, q), opName(q), fmt.Errorf("input %q depends on the node's own output: a cycle", n.name))
			if q = n.from; q == p {
				break
			}
		}
	}
}

// readNames is the names that a node reads in its graph: its inputs and what its bodies capture.
func readNames(p *onnxpb.NodeProto) []string {
	return append(p.Input[:len(p.Input):len(p.Input)], freeNames(p)...)
}
