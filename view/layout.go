package view

import (
	"cmp"
	"fmt"
	"slices"
)

// Distances of the drawing, in pixels.
const (
	boxGap    = 28 // between neighbours of a rank
	lineGap   = 14 // between a line that passes and its neighbours
	rankGap   = 22 // between ranks, at least
	portGap   = 16 // between lines that end at the same box, at most
	maxBends  = 200_000
	slopeGap  = 0.04 // what the distance between ranks grows by with the farthest line between them
	maxSlope  = 64
	lineWidth = 4
)

type point struct{ x, y float64 }

// box is a rectangle with its upper left corner, and the room that it needs for words below.
type box struct{ x, y, w, h, foot float64 }

// link goes from one box to a later one. Links with the same from and port share their way as long as they can.
type link struct{ from, to, port int }

// segment is a part of a line without branches. Lines of one origin form a tree.
type segment struct {
	parent int // −1 at a box
	points []point
	free   bool // goes straight, behind boxes
}

// drawing is a layered drawing: every link goes downwards, no boxes overlap.
type drawing struct {
	boxes         []box
	segments      []segment
	last          []int // by link: the segment that ends at its target
	width, height float64
}

// draw places boxes, of which it reads the sizes, in the manner of Sugiyama, Tagawa and Toda ("Methods for visual
// understanding of hierarchical system structures", 1981): ranks, bends where links pass ranks, orders with few crossings,
// coordinates. The same input gives the same drawing. A link that does not go to a later box is an error.
func draw(sizes []box, links []link) (*drawing, error) {
	for _, l := range links {
		if l.from < 0 || l.from >= l.to || l.to >= len(sizes) {
			return nil, fmt.Errorf("view: link from box %d to box %d of %d does not go to a later one", l.from, l.to, len(sizes))
		}
	}
	h := newHierarchy(sizes, rankBoxes(len(sizes), links), links)
	h.order()
	h.place()
	h.level()
	return h.drawing(), nil
}

// rankBoxes numbers the rows, so that links go to later ones and are short.
func rankBoxes(n int, links []link) []int {
	in, out := make([][]int, n), make([][]int, n)
	for _, l := range links {
		in[l.to] = append(in[l.to], l.from)
		out[l.from] = append(out[l.from], l.to)
	}
	rank := make([]int, n)
	earliest := func(v int) int {
		r := 0
		for _, u := range in[v] {
			r = max(r, rank[u]+1)
		}
		return r
	}
	latest := func(v int) int {
		r := rank[v]
		for i, w := range out[v] {
			if i == 0 || rank[w]-1 < r {
				r = rank[w] - 1
			}
		}
		return r
	}
	for v := range n {
		rank[v] = earliest(v)
	}
	for range 4 { // a box moves to where it has more links
		for v := n - 1; v >= 0; v-- {
			if len(out[v]) > len(in[v]) {
				rank[v] = latest(v)
			}
		}
		for v := range n {
			if len(in[v]) > len(out[v]) {
				rank[v] = earliest(v)
			}
		}
	}
	return rank
}

// vertex is a box, or a place where a line passes a rank.
type vertex struct {
	box      int // −1: a bend
	rank     int
	pos      int // in its rank
	x, w     float64
	up, down []int // neighbours in the ranks before and after
}

// trunk is the common way of links of one origin.
type trunk struct {
	from  int
	bends []int // vertices, of the ranks after from's
	links []int // by rank of their target
	free  bool  // not led around boxes
}

// hierarchy is a drawing in the making.
type hierarchy struct {
	sizes    []box
	links    []link
	vertices []vertex
	layers   [][]int
	trunks   []trunk
	top      []float64 // of each rank
	bottom   []float64
}

// newHierarchy makes the vertices: the boxes first, under their own numbers.
func newHierarchy(sizes []box, rank []int, links []link) *hierarchy {
	h := &hierarchy{sizes: sizes, links: links}
	layers := 0
	for i, s := range sizes {
		h.vertices = append(h.vertices, vertex{box: i, rank: rank[i], w: s.w})
		layers = max(layers, rank[i]+1)
	}
	h.layers = make([][]int, layers)
	h.makeTrunks()
	for _, t := range h.freeTrunks() {
		h.trunks[t].free = true
	}
	for t := range h.trunks {
		if !h.trunks[t].free {
			h.bend(&h.trunks[t])
		}
	}
	return h
}

func (h *hierarchy) makeTrunks() {
	order := make([]int, len(h.links))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := h.links[a], h.links[b]
		return cmp.Or(cmp.Compare(x.from, y.from), cmp.Compare(x.port, y.port), cmp.Compare(h.vertices[x.to].rank, h.vertices[y.to].rank))
	})
	for i, l := range order {
		x := h.links[l]
		if i == 0 || h.links[order[i-1]].from != x.from || h.links[order[i-1]].port != x.port {
			h.trunks = append(h.trunks, trunk{from: x.from})
		}
		t := &h.trunks[len(h.trunks)-1]
		t.links = append(t.links, l)
	}
}

// length is how many ranks a trunk passes.
func (h *hierarchy) length(t *trunk) int {
	return h.vertices[h.links[t.links[len(t.links)-1]].to].rank - h.vertices[t.from].rank - 1
}

// freeTrunks is the longest trunks as long as all of them have too many bends.
func (h *hierarchy) freeTrunks() []int {
	var longest []int
	total := 0
	for i := range h.trunks {
		longest = append(longest, i)
		total += h.length(&h.trunks[i])
	}
	slices.SortStableFunc(longest, func(a, b int) int { return cmp.Compare(h.length(&h.trunks[b]), h.length(&h.trunks[a])) })
	for i, t := range longest {
		if total <= maxBends {
			return longest[:i]
		}
		total -= h.length(&h.trunks[t])
	}
	return longest
}

// bend makes the vertices of a trunk and connects them.
func (h *hierarchy) bend(t *trunk) {
	rank, at := h.vertices[t.from].rank, t.from
	for i := range h.length(t) {
		v := len(h.vertices)
		h.vertices = append(h.vertices, vertex{box: -1, rank: rank + 1 + i, w: lineWidth})
		t.bends = append(t.bends, v)
		h.connect(at, v)
		at = v
	}
	for _, l := range t.links {
		to := h.links[l].to
		at := t.from
		if n := h.vertices[to].rank - rank - 1; n > 0 {
			at = t.bends[n-1]
		}
		if !slices.Contains(h.vertices[to].up, at) {
			h.connect(at, to)
		}
	}
}

func (h *hierarchy) connect(upper, lower int) {
	h.vertices[upper].down = append(h.vertices[upper].down, lower)
	h.vertices[lower].up = append(h.vertices[lower].up, upper)
}

// level gives ranks their heights: lines that go far aside get more room.
func (h *hierarchy) level() {
	h.top, h.bottom = make([]float64, len(h.layers)), make([]float64, len(h.layers))
	y := 0.0
	for r, layer := range h.layers {
		h.top[r] = y
		high, foot, far := 0.0, 0.0, 0.0
		for _, v := range layer {
			if b := h.vertices[v].box; b >= 0 {
				high = max(high, h.sizes[b].h)
				foot = max(foot, h.sizes[b].foot)
			}
			for _, w := range h.vertices[v].down {
				far = max(far, h.vertices[w].x-h.vertices[v].x, h.vertices[v].x-h.vertices[w].x)
			}
		}
		h.bottom[r] = y + high
		y += high + foot + rankGap + min(far*slopeGap, maxSlope)
	}
}
