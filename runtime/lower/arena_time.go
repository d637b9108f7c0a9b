package lower

import (
	"cmp"
	"slices"
)

// gap is a free part of the arena.
type gap struct{ from, to int }

// maxGaps bounds the gaps that are looked at for each slot.
const maxGaps = 1 << 8

// packByTime gives each slot, in the order in which their lives begin, a place in the smallest gap that it fits in, or at the
// end of the arena. Where there are too many gaps the smallest are given up.
func packByTime(slots []Slot, order []int) int {
	ends := slices.Clone(order)
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(slots[a].First, slots[b].First), cmp.Compare(slots[b].Size, slots[a].Size))
	})
	slices.SortStableFunc(ends, func(a, b int) int { return cmp.Compare(slots[a].Last, slots[b].Last) })
	var gaps []gap // by offset, never side by side
	arena, ended := 0, 0
	for _, id := range order {
		s := &slots[id]
		for ; ended < len(ends) && slots[ends[ended]].Last < s.First; ended++ {
			e := slots[ends[ended]]
			gaps = release(gaps, gap{e.Offset, e.Offset + align(e.Size)})
		}
		size := align(s.Size)
		best := -1
		for i, g := range gaps {
			if n := g.to - g.from; n >= size && (best < 0 || n < gaps[best].to-gaps[best].from) {
				best = i
			}
		}
		if best >= 0 {
			s.Offset = gaps[best].from
			if gaps[best].from += size; gaps[best].from == gaps[best].to {
				gaps = slices.Delete(gaps, best, best+1)
			}
			continue
		}
		s.Offset = arena
		if last := len(gaps) - 1; last >= 0 && gaps[last].to == arena { // what is free at the end is the beginning of it
			s.Offset = gaps[last].from
			gaps = gaps[:last]
		}
		arena = s.Offset + size
	}
	return arena
}

// release makes a part free, joined with what is free beside it.
func release(gaps []gap, g gap) []gap {
	i, _ := slices.BinarySearchFunc(gaps, g.from, func(h gap, from int) int { return cmp.Compare(h.from, from) })
	if i < len(gaps) && gaps[i].from == g.to {
		g.to = gaps[i].to
		gaps = slices.Delete(gaps, i, i+1)
	}
	if i > 0 && gaps[i-1].to == g.from {
		gaps[i-1].to = g.to
		return gaps
	}
	if len(gaps) >= maxGaps {
		least := 0
		for k, h := range gaps {
			if h.to-h.from < gaps[least].to-gaps[least].from {
				least = k
			}
		}
		if gaps[least].to-gaps[least].from >= g.to-g.from {
			return gaps
		}
		gaps = slices.Delete(gaps, least, least+1)
		if least < i {
			i--
		}
	}
	return slices.Insert(gaps, i, g)
}
