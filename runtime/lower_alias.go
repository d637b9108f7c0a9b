package runtime

import "github.com/onnxrun/onnxrun/ir"

// alias lets a node's output lie where its input lies, if the node only gives the elements another shape.
func (p *plan) alias(n *ir.Node) bool {
	if !ir.Shares(n) {
		return false
	}
	in, out := n.In(0), n.Out(0)
	root, at := p.place(in.ID())
	if kind := p.slots[root].kind; kind != planned && kind != constant {
		return false
	}
	s := &p.slots[out.ID()]
	s.kind, s.alias, s.delta = aliased, root, at // not behind each other: chains are walked
	return true
}
