package runtime

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// alias lets a node's output lie where its input lies, if the operator only gives the elements another shape.
func (p *plan) alias(n *ir.Node) bool {
	switch n.Op.(type) {
	case *ops.Reshape, *ops.Flatten, *ops.Squeeze, *ops.Unsqueeze, *ops.Identity:
	case *ops.Dropout: // which does nothing but in training
		if n.Out(1) != nil || n.In(2) != nil {
			return false
		}
	default:
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
