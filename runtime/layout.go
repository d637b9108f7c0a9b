package runtime

import (
	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// The layout of each N×C×H×W value is chosen while steps are made: an operator with a kernel on blocked data reads and
// writes them (the convolutions), or does as its input is (pooling, sums, activations …), all others read plain arrays.
// A value is converted where a reader needs the layout that its writer did not give, once.

// isBlockable reports whether a value can have the blocked layout.
func (p *plan) isBlockable(v *ir.Value) bool {
	return v != nil && len(v.Type().Shape) == 4 && v.Type().DType == tensor.Float32 && p.slots[v.ID()].kind != dynamic
}

// swells reports whether an array is so large that its channels, filled up to whole blocks, might not fit in the memory
// that a Run may take.
func (p *plan) swells(shape []int) bool {
	size := 4.0 * kernel.Block * float64(kernel.Blocks(shape[1]))
	for d, n := range shape {
		if d != 1 {
			size *= float64(n)
		}
	}
	return size > float64(p.session.opts.MaxMemory)/4
}

// hasBlocked reports whether a value has been computed in the blocked layout.
func (p *plan) hasBlocked(v *ir.Value) bool {
	_, ok := p.blocked[v.ID()]
	return ok
}

// setBlocked gives a value a place in the blocked layout, in which its node is going to write it; the plain one then has
// to be asked for by needPlain.
func (p *plan) setBlocked(v *ir.Value) int {
	s := sizes(v)
	slot := p.newSlot(s[0] * kernel.Blocks(s[1]) * kernel.Block * s[2] * s[3])
	p.blocked[v.ID()] = slot
	p.slots[v.ID()].kind = absent
	return slot
}

// needBlocked is the slot of a value in the blocked layout, with a step before n that converts it where it has none. It is
// not an input's: no other value may lie in its place.
func (p *plan) needBlocked(n *ir.Node, v *ir.Value) (int, error) {
	if slot, ok := p.blocked[v.ID()]; ok {
		return slot, nil
	}
	if err := p.needPlain(n, v); err != nil { // from rows
		return 0, err
	}
	s := sizes(v)
	if s[1]%kernel.Block == 0 && s[2]*s[3] == 1 && p.slots[v.ID()].kind != input { // both layouts are the same
		p.blocked[v.ID()] = v.ID()
		return v.ID(), nil
	}
	k, err := kernel.NewToBlocked(p.layoutSpec(s))
	if err != nil {
		return 0, err
	}
	slot := p.newSlot(s[0] * kernel.Blocks(s[1]) * kernel.Block * s[2] * s[3])
	p.blocked[v.ID()] = slot
	p.convert(n, "to blocked", k, v.ID(), slot)
	return slot, nil
}

// needPlain makes sure that a value has its plain layout, with a step before n that converts it where it has not.
func (p *plan) needPlain(n *ir.Node, v *ir.Value) error {
	if v == nil || p.slots[v.ID()].kind != absent {
		return nil
	}
	place := &p.slots[v.ID()]
	from, ok := p.blocked[v.ID()]
	if !ok {
		return p.plainFromRows(n, v)
	}
	s := sizes(v)
	if s[1]%kernel.Block == 0 && s[2]*s[3] == 1 {
		place.kind, place.alias = aliased, from
		return nil
	}
	k, err := kernel.NewFromBlocked(p.layoutSpec(s))
	if err != nil {
		return err
	}
	place.kind = planned
	p.convert(n, "from blocked", k, from, v.ID())
	return nil
}

func (p *plan) layoutSpec(s []int) kernel.LayoutSpec {
	return kernel.LayoutSpec{N: s[0], C: s[1], Plane: s[2] * s[3], Split: p.split(), Set: p.set()}
}

func (p *plan) convert(n *ir.Node, name string, k *kernel.Layout, from, to int) {
	step := p.kernelStep(k, func(f *frame, task, _ int) { k.Run(task, f.float32s(to), f.float32s(from)) })
	p.emit(n, name, step.run, []int{from}, []int{to})
	p.steps[len(p.steps)-1].conversion = true
}
