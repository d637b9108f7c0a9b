package runtime

import (
	"github.com/onnxrun/onnxrun/ir"
)

// lowerNode chooses how a node is executed: its value lies in another's place (no step), a kernel, or the operator's
// reference.
func (p *plan) lowerNode(n *ir.Node) (func(f *frame) error, error) {
	if p.static(n) {
		if p.alias(n) {
			return nil, nil
		}
		if run, err := p.lowering(n); run != nil || err != nil {
			return run, err
		}
	}
	return p.evalStep(n), nil
}

// static reports whether the types of all that a node reads and writes are known.
func (p *plan) static(n *ir.Node) bool {
	for _, v := range append(n.Inputs()[:len(n.Inputs()):len(n.Inputs())], n.Outputs()...) {
		if v != nil && p.slots[v.ID()].kind == dynamic {
			return false
		}
	}
	return true
}
