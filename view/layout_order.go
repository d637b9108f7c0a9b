package view

import (
	"cmp"
	"slices"
)

const (
	maxSweeps    = 24
	maxSwapWidth = 400    // ranks with more vertices are not improved by swaps
	maxSwapPairs = 10_000 // nor are neighbours with more pairs of lines
)

// order puts the vertices of each rank in an order with few crossings: barycenters, swept down and up, then swaps of
// neighbours.
func (h *hierarchy) order() {
	h.firstOrder()
	best, least, idle := h.copyLayers(), h.crossings(), 0
	for sweep := 0; sweep < maxSweeps && least > 0 && idle < 4; sweep++ {
		h.sweep(sweep%2 == 0, sweep%4 < 2)
		idle++
		if c := h.crossings(); c < least {
			best, least, idle = h.copyLayers(), c, 0
		}
	}
	h.layers = best
	for r := range h.layers {
		h.number(r)
	}
	for round := 0; round < 6 && least > 0; round++ {
		if !h.swapNeighbours() {
			break
		}
	}
}

// firstOrder is the order in which a depth-first search finds the vertices.
func (h *hierarchy) firstOrder() {
	seen := make([]bool, len(h.vertices))
	for start := range h.vertices {
		if h.vertices[start].box < 0 || len(h.vertices[start].up) > 0 && len(h.vertices[start].down) > 0 {
			continue
		}
		stack := []int{start}
		for len(stack) > 0 {
			v := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if seen[v] {
				continue
			}
			seen[v] = true
			r := h.vertices[v].rank
			h.vertices[v].pos = len(h.layers[r])
			h.layers[r] = append(h.layers[r], v)
			for _, w := range slices.Backward(h.vertices[v].down) {
				stack = append(stack, w)
			}
		}
	}
}

func (h *hierarchy) copyLayers() [][]int {
	c := make([][]int, len(h.layers))
	for r := range c {
		c[r] = slices.Clone(h.layers[r])
	}
	return c
}

// number makes pos what the order of a rank says.
func (h *hierarchy) number(r int) {
	for i, v := range h.layers[r] {
		h.vertices[v].pos = i
	}
}

// sweep orders each rank by the mean position of the neighbours in the rank before (down) or after. Among equals the
// order stays, or is turned round.
func (h *hierarchy) sweep(down, stay bool) {
	mean := make([]float64, len(h.vertices))
	for i := range h.layers {
		r := i
		if !down {
			r = len(h.layers) - 1 - i
		}
		layer := h.layers[r]
		for _, v := range layer {
			near := h.vertices[v].up
			if !down {
				near = h.vertices[v].down
			}
			mean[v] = h.mean(near, h.vertices[v].pos)
		}
		if !stay {
			slices.Reverse(layer)
		}
		slices.SortStableFunc(layer, func(a, b int) int { return cmp.Compare(mean[a], mean[b]) })
		h.number(r)
	}
}

func (h *hierarchy) mean(near []int, none int) float64 {
	if len(near) == 0 {
		return float64(none)
	}
	sum := 0
	for _, u := range near {
		sum += h.vertices[u].pos
	}
	return float64(sum) / float64(len(near))
}

// crossings counts pairs of lines that cross between neighbouring ranks, after Barth, Jünger and Mutzel ("Simple and
// efficient bilayer cross counting", 2002).
func (h *hierarchy) crossings() int {
	total := 0
	var ends, tree []int
	for r := 1; r < len(h.layers); r++ {
		ends = ends[:0]
		for _, u := range h.layers[r-1] {
			from := len(ends)
			for _, v := range h.vertices[u].down {
				ends = append(ends, h.vertices[v].pos)
			}
			slices.Sort(ends[from:])
		}
		n := len(h.layers[r])
		tree = append(tree[:0], make([]int, n+1)...)
		for i, e := range ends {
			total += i // less those that end at e or before
			for k := e + 1; k > 0; k -= k & -k {
				total -= tree[k]
			}
			for k := e + 1; k <= n; k += k & -k {
				tree[k]++
			}
		}
	}
	return total
}

// swapNeighbours swaps neighbours that cross less afterwards, and reports whether there were any.
func (h *hierarchy) swapNeighbours() bool {
	swapped := false
	for r, layer := range h.layers {
		if len(layer) > maxSwapWidth {
			continue
		}
		for i := 1; i < len(layer); i++ {
			u, v := layer[i-1], layer[i]
			a, b := &h.vertices[u], &h.vertices[v]
			if len(a.up)*len(b.up)+len(a.down)*len(b.down) > maxSwapPairs {
				continue
			}
			if h.crossingsOf(a.up, b.up)+h.crossingsOf(a.down, b.down) > h.crossingsOf(b.up, a.up)+h.crossingsOf(b.down, a.down) {
				layer[i-1], layer[i] = v, u
				a.pos, b.pos = i, i-1
				swapped = true
			}
		}
		h.number(r)
	}
	return swapped
}

// crossingsOf counts the crossings of the lines of a vertex with those of its right neighbour.
func (h *hierarchy) crossingsOf(left, right []int) int {
	n := 0
	for _, u := range left {
		for _, v := range right {
			if h.vertices[u].pos > h.vertices[v].pos {
				n++
			}
		}
	}
	return n
}
