package ir

import (
	"container/heap"
	"errors"
	"slices"
)

// unlink takes a node out of the uses of its inputs.
func (r *Rewriter) unlink(n *Node) {
	for i, v := range n.inputs {
		if v != nil {
			v.uses = without(v.uses, Use{n, i})
			r.loose = append(r.loose, v)
		}
	}
}

// without takes a use out of a list, which it overwrites; the others stay in order. Most are near an end: nodes go in order.
func without(uses []Use, u Use) []Use {
	for i, j := 0, len(uses)-1; i <= j; i, j = i+1, j-1 {
		if uses[i] == u {
			copy(uses[1:], uses[:i])
			uses[0] = Use{}
			return uses[1:]
		}
		if uses[j] == u {
			return slices.Delete(uses, j, j+1)
		}
	}
	return uses
}

func (r *Rewriter) isDead(n *Node) bool {
	return !slices.ContainsFunc(n.outputs, func(v *Value) bool {
		return v != nil && (len(v.uses) > 0 || v.IsOutput())
	})
}

func (r *Rewriter) remove(n *Node) {
	r.unlink(n)
	for _, v := range n.outputs {
		if v != nil {
			r.drop(v)
		}
	}
	r.g.nodeNames.delete(n.Name)
	n.graph, n.inputs = nil, nil
	r.edits++
}

func (r *Rewriter) drop(v *Value) {
	r.g.values[v.id] = nil
	r.g.names.delete(v.name)
}

// merge puts the inserted nodes into the list of nodes and leaves the removed ones out.
func (r *Rewriter) merge() {
	nodes := make([]*Node, 0, len(r.g.nodes)+len(r.added))
	var emit func(n *Node)
	emit = func(n *Node) {
		for _, b := range r.before[n] {
			emit(b)
		}
		if n.graph != nil {
			nodes = append(nodes, n)
		}
	}
	for _, n := range slices.Concat(r.g.nodes, r.last) {
		emit(n)
	}
	r.g.nodes = nodes
}

// sort puts the nodes in topological order. Where that leaves a choice, the order is as it was.
func (g *Graph) sort() error {
	place := make(map[*Node]int, len(g.nodes))
	for i, n := range g.nodes {
		place[n] = i
	}
	waits := make([]int, len(g.nodes)) // inputs not yet computed
	ready := &intHeap{}
	sorted := true
	for i, n := range g.nodes {
		for _, v := range n.inputs {
			if v != nil && v.def != nil {
				waits[i]++
				sorted = sorted && place[v.def] < i
			}
		}
		if waits[i] == 0 {
			*ready = append(*ready, i)
		}
	}
	if sorted {
		return nil
	}
	nodes := make([]*Node, 0, len(g.nodes))
	for ready.Len() > 0 {
		n := g.nodes[heap.Pop(ready).(int)]
		nodes = append(nodes, n)
		for _, v := range n.outputs {
			if v == nil {
				continue
			}
			for _, u := range v.uses {
				i := place[u.Node]
				if waits[i]--; waits[i] == 0 {
					heap.Push(ready, i)
				}
			}
		}
	}
	if len(nodes) < len(g.nodes) {
		i := slices.IndexFunc(waits, func(n int) bool { return n > 0 })
		return &Error{g.nodes[i].Name, g.nodes[i].OpName(), errors.New("depends on itself")}
	}
	g.nodes = nodes
	return nil
}

type intHeap []int

func (h intHeap) Len() int           { return len(h) }
func (h intHeap) Less(i, j int) bool { return h[i] < h[j] }
func (h intHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *intHeap) Push(x any)        { *h = append(*h, x.(int)) }
func (h *intHeap) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = (*h)[:last]
	return x
}

// compact makes the ids dense again.
func (g *Graph) compact() {
	g.values = g.Values()
	for i, v := range g.values {
		v.id = i
	}
}
