package lower

import (
	"slices"

	"github.com/onnxrun/onnxrun/tensor"
)

// liveness finds the first and last step that touches each slot.
func (p *Program) liveness() {
	touched := make([]bool, len(p.Slots))
	for i, st := range p.Steps {
		for _, list := range [][]*Array{st.Writes, st.Reads} {
			for _, a := range list {
				root, _ := p.Root(a.Slot)
				s := &p.Slots[root]
				if !touched[root] {
					s.First = i
					touched[root] = true
				}
				s.Last = i
			}
		}
	}
	for _, v := range p.Graph.Outputs() {
		root, _ := p.Root(v.ID())
		p.Slots[root].Last = len(p.Steps)
	}
	for id := range p.Slots {
		if p.Slots[id].Kind == Planned && !touched[id] {
			p.Slots[id].Kind = Absent
		}
	}
}

// maxBySize bounds the slots for which packArena compares each with each.
const maxBySize = 1 << 13

// packArena gives planned slots that live at the same time disjoint places, and returns the arena's size: largest first,
// each at the lowest offset that is free throughout its life (Pisarchyk and Lee, 2020, "greedy by size"). Very many get
// theirs in the order of time. It stops when the arena is beyond the limit.
func packArena(slots []Slot, limit int) int {
	var order []int
	for id, s := range slots {
		if s.Kind == Planned && s.Size > 0 {
			order = append(order, id)
		}
	}
	if len(order) > maxBySize {
		return packByTime(slots, order)
	}
	slices.SortStableFunc(order, func(a, b int) int { return slots[b].Size - slots[a].Size })
	arena := 0
	var placed []int // by offset
	for _, id := range order {
		s := &slots[id]
		at := 0
		for _, other := range placed {
			o := slots[other]
			if o.Last < s.First || s.Last < o.First {
				continue
			}
			if at+s.Size <= o.Offset {
				break
			}
			at = max(at, align(o.Offset+o.Size))
		}
		s.Offset = at
		if arena = max(arena, at+s.Size); arena > limit {
			return arena
		}
		i, _ := slices.BinarySearchFunc(placed, at, func(id, at int) int { return slots[id].Offset - at })
		placed = slices.Insert(placed, i, id)
	}
	return arena
}

func align(n int) int { return (n + tensor.Align - 1) &^ (tensor.Align - 1) }
