package runtime

import (
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// lowerNode chooses how a node is executed: in the blocked layout, not at all because its value lies in another's place,
// by a kernel on plain arrays, or by the operator's reference.
func (p *plan) lowerNode(n *ir.Node) error {
	if !slices.ContainsFunc(n.Outputs(), func(v *ir.Value) bool { return v != nil && p.slots[v.ID()].kind != empty }) {
		return nil
	}
	static := p.static(n)
	if static {
		p.least = p.leastTasks(n)
		if done, err := p.lowerTraining(n); done || err != nil {
			return err
		}
		if done, err := p.lowerBlocked(n); done || err != nil {
			return err
		}
		if done, err := p.lowerRows(n); done || err != nil {
			return err
		}
	}
	for _, v := range n.Inputs() {
		if err := p.needPlain(n, v); err != nil {
			return err
		}
	}
	reads, writes := present(n.Inputs()), present(n.Outputs())
	if static {
		if p.alias(n) {
			return nil
		}
		k, err := p.lowering(n)
		if err != nil {
			return err
		}
		if k.run != nil {
			p.emit(n, k.algorithm, k.run, reads, append(writes, k.temporary...))
			return nil
		}
	}
	p.emit(n, "reference", p.evalStep(n), reads, writes)
	return nil
}

// static reports whether the types of all that a node reads and writes are known, and all of it has elements: kernels need
// not think of values without any. What is put one behind the other may have none.
func (p *plan) static(n *ir.Node) bool {
	_, concat := n.Op.(*ops.Concat)
	for _, v := range append(n.Inputs()[:len(n.Inputs()):len(n.Inputs())], n.Outputs()...) {
		if v == nil {
			continue
		}
		if s, _ := v.Type().Shape.Ints(); p.slots[v.ID()].kind == dynamic || !concat && slices.Contains(s, 0) {
			return false
		}
	}
	return true
}

// present is the ids of the values that there are.
func present(values []*ir.Value) []int {
	var out []int
	for _, v := range values {
		if v != nil {
			out = append(out, v.ID())
		}
	}
	return out
}
