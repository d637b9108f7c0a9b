package runtime

import (
	"slices"

	"github.com/onnxrun/onnxrun/tensor"
)

// slot is where a value lies, in one of its layouts: in the arena (planned), in the place of another slot, from byte
// delta on (aliased), or nowhere yet (dynamic): then a step supplies the tensor. The first slots are those of the
// graph's values in the plain layout, by id.
type slot struct {
	kind   slotKind
	dtype  tensor.DType
	shape  []int
	size   int // bytes
	offset int // in the arena
	alias  int
	delta  int
	first  int // step that writes it
	last   int // last step that reads it, or the number of steps for outputs
}

type slotKind uint8

const (
	dynamic slotKind = iota
	constant
	input
	planned
	aliased
	replaced // an output that lies where an input lies
	absent   // not computed: the value is needed in another layout only
	empty    // known to have no elements: there is nothing to compute
)

// makeSlots says of every value what kind of slot it has.
func (p *plan) makeSlots() {
	p.slots = make([]slot, p.graph.NumValues())
	for _, v := range p.graph.Inputs() {
		p.slots[v.ID()].kind = input
	}
	for _, v := range p.graph.Values() {
		if v.Const() != nil {
			p.slots[v.ID()].kind = constant
		}
	}
	for _, n := range p.graph.Nodes() {
		for _, v := range n.Outputs() {
			if v == nil {
				continue
			}
			t := v.Type()
			shape, ok := t.Shape.Ints()
			if !ok {
				continue
			}
			count, err := tensor.Count(t.DType, shape)
			switch {
			case err != nil: // Eval will say so, should it be reached
				continue
			case count == 0:
				p.slots[v.ID()] = slot{kind: empty, dtype: t.DType, shape: shape}
				continue
			case t.DType == tensor.String:
				continue
			}
			p.slots[v.ID()] = slot{kind: planned, dtype: t.DType, shape: shape, size: count * t.DType.Size()}
		}
	}
}

// checkSlots refuses values that memory cannot hold, before kernels are made for them.
func (p *plan) checkSlots() error {
	for _, s := range p.slots {
		if limit := p.session.opts.MaxMemory; s.kind == planned && s.size > limit {
			return &MemoryError{Need: s.size, Limit: limit}
		}
	}
	return nil
}

// newSlot adds a place for n float32.
func (p *plan) newSlot(n int) int { return p.newSlotOf(tensor.Float32, n) }

// newSlotOf adds a place for n elements.
func (p *plan) newSlotOf(dt tensor.DType, n int) int {
	p.slots = append(p.slots, slot{kind: planned, dtype: dt, shape: []int{n}, size: n * dt.Size()})
	return len(p.slots) - 1
}

// place is the slot in whose memory slot id lies, and from which byte on.
func (p *plan) place(id int) (root, at int) {
	for p.slots[id].kind == aliased {
		at += p.slots[id].delta
		id = p.slots[id].alias
	}
	return id, at
}

// liveness finds the first and last step that touches each slot, and what each step may let go.
func (p *plan) liveness() {
	touched := make([]bool, len(p.slots))
	for i, st := range p.steps {
		for _, ids := range [][]int{st.writes, st.reads} {
			for _, id := range ids {
				root, _ := p.place(id)
				s := &p.slots[root]
				if !touched[root] {
					s.first = i
					touched[root] = true
				}
				s.last = i
			}
		}
	}
	for _, v := range p.graph.Outputs() {
		root, _ := p.place(v.ID())
		p.slots[root].last = len(p.steps)
	}
	for id := range p.slots {
		s := &p.slots[id]
		switch {
		case s.kind == planned && !touched[id]:
			s.kind = absent
		case s.kind == dynamic && s.last < len(p.steps) && len(p.steps) > 0:
			p.steps[s.last].drop = append(p.steps[s.last].drop, id)
		}
	}
}

// maxBySize bounds the slots for which packArena compares each with each.
const maxBySize = 1 << 13

// packArena gives planned slots that live at the same time disjoint places, and returns the arena's size: largest first,
// each at the lowest offset that is free throughout its life (Pisarchyk and Lee, 2020, "greedy by size"). Very many get
// theirs in the order of time. It stops when the arena is beyond the limit.
func packArena(slots []slot, limit int) int {
	var order []int
	for id, s := range slots {
		if s.kind == planned && s.size > 0 {
			order = append(order, id)
		}
	}
	if len(order) > maxBySize {
		return packByTime(slots, order)
	}
	slices.SortStableFunc(order, func(a, b int) int { return slots[b].size - slots[a].size })
	arena := 0
	var placed []int // by offset
	for _, id := range order {
		s := &slots[id]
		at := 0
		for _, other := range placed {
			o := slots[other]
			if o.last < s.first || s.last < o.first {
				continue
			}
			if at+s.size <= o.offset {
				break
			}
			at = max(at, align(o.offset+o.size))
		}
		s.offset = at
		if arena = max(arena, at+s.size); arena > limit {
			return arena
		}
		i, _ := slices.BinarySearchFunc(placed, at, func(id, at int) int { return slots[id].offset - at })
		placed = slices.Insert(placed, i, id)
	}
	return arena
}

func align(n int) int { return (n + tensor.Align - 1) &^ (tensor.Align - 1) }
