package view

import (
	"math"
	"slices"
)

// place gives vertices their x, after Brandes and Köpf ("Fast and simple horizontal coordinate assignment", 2001): four
// times vertices are aligned with a median neighbour, above or below, from the left or from the right, and put as close
// together as their widths allow; of the four results each vertex takes the mean of the middle two. Lines that pass ranks
// are straight where they can.
func (h *hierarchy) place() {
	conflicts := h.conflicts()
	var all [4][]float64
	for k := range all {
		p := &placement{h: h, down: k&1 == 0, left: k&2 == 0, conflicts: conflicts}
		p.align()
		all[k] = p.compact()
	}
	h.justify(&all)
	for v := range h.vertices {
		x := []float64{all[0][v], all[1][v], all[2][v], all[3][v]}
		slices.Sort(x)
		h.vertices[v].x = math.Round((x[1] + x[2]) / 2)
	}
}

// justify shifts the four results to the narrowest one's left or right border.
func (h *hierarchy) justify(all *[4][]float64) {
	extent := func(x []float64) (lo, hi float64) {
		lo, hi = math.Inf(1), math.Inf(-1)
		for v := range x {
			lo, hi = min(lo, x[v]-h.vertices[v].w/2), max(hi, x[v]+h.vertices[v].w/2)
		}
		return lo, hi
	}
	var lo, hi [4]float64
	narrow := 0
	for k := range all {
		lo[k], hi[k] = extent(all[k])
		if hi[k]-lo[k] < hi[narrow]-lo[narrow] {
			narrow = k
		}
	}
	for k := range all {
		shift := lo[narrow] - lo[k]
		if k&2 != 0 {
			shift = hi[narrow] - hi[k]
		}
		for v := range all[k] {
			all[k][v] += shift
		}
	}
}

// conflicts is the lines, by upper and lower end, that cross one between two bends: these go straight.
func (h *hierarchy) conflicts() map[[2]int]bool {
	marked := map[[2]int]bool{}
	for r := 1; r < len(h.layers); r++ {
		upper, lower := h.layers[r-1], h.layers[r]
		from, left := 0, 0
		for i, v := range lower {
			inner := -1
			if b := &h.vertices[v]; b.box < 0 && len(b.up) == 1 && h.vertices[b.up[0]].box < 0 {
				inner = h.vertices[b.up[0]].pos
			}
			if inner < 0 && i < len(lower)-1 {
				continue
			}
			right := len(upper) - 1
			if inner >= 0 {
				right = inner
			}
			for ; from <= i; from++ {
				for _, u := range h.vertices[lower[from]].up {
					if p := h.vertices[u].pos; p < left || p > right {
						marked[[2]int{u, lower[from]}] = true
					}
				}
			}
			left = right
		}
	}
	return marked
}

// placement is one of the four.
type placement struct {
	h          *hierarchy
	down, left bool
	conflicts  map[[2]int]bool
	root, next []int // of the block that a vertex is in; next is a circle
}

// align makes blocks of vertices that are to have the same x.
func (p *placement) align() {
	h := p.h
	p.root, p.next = make([]int, len(h.vertices)), make([]int, len(h.vertices))
	for v := range p.root {
		p.root[v], p.next[v] = v, v
	}
	var near []int
	for i := range h.layers {
		layer := slices.Clone(h.layers[i])
		if !p.down {
			layer = slices.Clone(h.layers[len(h.layers)-1-i])
		}
		if !p.left {
			slices.Reverse(layer)
		}
		last := -1
		for _, v := range layer {
			near = p.neighbours(near[:0], v)
			for _, m := range []int{(len(near) - 1) / 2, len(near) / 2} {
				if len(near) == 0 || p.next[v] != v {
					break
				}
				u := near[m]
				if at := p.position(u); at > last && !p.conflict(u, v) {
					p.next[u], p.root[v] = v, p.root[u]
					p.next[v] = p.root[v]
					last = at
				}
			}
		}
	}
}

// position is a vertex's place in its rank, seen from the side where the placement begins.
func (p *placement) position(v int) int {
	if p.left {
		return p.h.vertices[v].pos
	}
	return len(p.h.layers[p.h.vertices[v].rank]) - 1 - p.h.vertices[v].pos
}

// neighbours appends the neighbours to align v with, in order.
func (p *placement) neighbours(list []int, v int) []int {
	if p.down {
		list = append(list, p.h.vertices[v].up...)
	} else {
		list = append(list, p.h.vertices[v].down...)
	}
	slices.SortFunc(list, func(a, b int) int { return p.position(a) - p.position(b) })
	return list
}

func (p *placement) conflict(u, v int) bool {
	if p.down {
		return p.conflicts[[2]int{u, v}]
	}
	return p.conflicts[[2]int{v, u}]
}

// gap is the least distance of blocks.
type gap struct {
	block int
	least float64
}

// compact is the x of every vertex: blocks as far to the beginning as they can, then back towards those after them.
func (p *placement) compact() []float64 {
	n := len(p.h.vertices)
	after, waiting := p.gaps()
	x := make([]float64, n)
	var order []int
	for v := range n {
		if p.root[v] == v && waiting[v] == 0 {
			order = append(order, v)
		}
	}
	for i := 0; i < len(order); i++ {
		b := order[i]
		for _, g := range after[b] {
			x[g.block] = max(x[g.block], x[b]+g.least)
			if waiting[g.block]--; waiting[g.block] == 0 {
				order = append(order, g.block)
			}
		}
	}
	for _, b := range slices.Backward(order) {
		limit := math.Inf(1)
		for _, g := range after[b] {
			limit = min(limit, x[g.block]-g.least)
		}
		if !math.IsInf(limit, 1) {
			x[b] = max(x[b], limit)
		}
	}
	for v := range n {
		if r := p.root[v]; r != v {
			x[v] = x[r]
		}
	}
	if !p.left {
		for v := range x {
			x[v] = -x[v]
		}
	}
	return x
}

// gaps is, by block, the blocks right after it, and how many are right before it.
func (p *placement) gaps() (after [][]gap, before []int) {
	h := p.h
	after, before = make([][]gap, len(h.vertices)), make([]int, len(h.vertices))
	for _, layer := range h.layers {
		for i := 1; i < len(layer); i++ {
			u, v := layer[i-1], layer[i]
			least := h.distance(u, v)
			if !p.left {
				u, v = v, u
			}
			u, v = p.root[u], p.root[v]
			after[u] = append(after[u], gap{v, least})
			before[v]++
		}
	}
	return after, before
}

// distance is how far the middles of neighbours of a rank must be apart.
func (h *hierarchy) distance(u, v int) float64 {
	a, b := &h.vertices[u], &h.vertices[v]
	space := float64(boxGap)
	if a.box < 0 || b.box < 0 {
		space = lineGap
	}
	return math.Ceil((a.w+b.w)/2) + space
}
