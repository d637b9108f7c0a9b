package lower

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Slot is where an array lies: in the arena (Planned), in the place of another slot, from byte Delta on (Aliased), or nowhere
// yet (Dynamic): then a step supplies the tensor.
type Slot struct {
	Kind   SlotKind
	DType  tensor.DType
	Shape  []int
	Size   int // bytes
	Offset int // in the arena
	Alias  int
	Delta  int
	First  int // step that writes it
	Last   int // last step that reads it, or the number of steps for outputs
}

// SlotKind says where an array lies.
type SlotKind uint8

const (
	Dynamic SlotKind = iota
	Constant
	Input
	Planned
	Aliased
	Replaced // an output that lies where an input lies
	Absent   // not computed: the value is needed in another layout only
	Empty    // known to have no elements: there is nothing to compute
)

// makeSlots says of every value what kind of slot it has in the plain layout, and refuses those that memory cannot hold.
func (p *Program) makeSlots(opts Options) error {
	p.Slots = make([]Slot, p.Graph.NumValues())
	for _, v := range p.Graph.Inputs() {
		p.Slots[v.ID()].Kind = Input
	}
	for _, v := range p.Graph.Values() {
		if v.Const() != nil {
			p.Slots[v.ID()].Kind = Constant
		}
	}
	for _, n := range p.Graph.Nodes() {
		for _, v := range n.Outputs() {
			if v != nil {
				p.Slots[v.ID()] = slotOf(v)
			}
		}
	}
	for _, id := range opts.Replaced {
		p.Slots[id].Kind = Replaced
	}
	for _, s := range p.Slots {
		if s.Kind == Planned && s.Size > opts.MaxMemory {
			return &ir.MemoryError{Need: s.Size, Limit: opts.MaxMemory}
		}
	}
	return nil
}

// slotOf is the slot of a value that a node computes.
func slotOf(v *ir.Value) Slot {
	t := v.Type()
	shape, ok := t.Shape.Ints()
	if !ok {
		return Slot{}
	}
	count, err := tensor.Count(t.DType, shape)
	switch {
	case err != nil: // Eval will say so, should it be reached
		return Slot{}
	case count == 0:
		return Slot{Kind: Empty, DType: t.DType, Shape: shape}
	case t.DType == tensor.String:
		return Slot{}
	}
	return Slot{Kind: Planned, DType: t.DType, Shape: shape, Size: count * t.DType.Size()}
}

// newSlot adds a place for n elements.
func (p *Program) newSlot(dt tensor.DType, n int) int {
	p.Slots = append(p.Slots, Slot{Kind: Planned, DType: dt, Shape: []int{n}, Size: n * dt.Size()})
	return len(p.Slots) - 1
}

// Root is the slot in whose memory slot id lies, and from which byte on.
func (p *Program) Root(id int) (root, at int) {
	for p.Slots[id].Kind == Aliased {
		at += p.Slots[id].Delta
		id = p.Slots[id].Alias
	}
	return id, at
}
