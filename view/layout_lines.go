package view

import (
	"cmp"
	"math"
	"slices"
)

// drawing is the finished coordinates.
func (h *hierarchy) drawing() *drawing {
	d := &drawing{boxes: slices.Clone(h.sizes), last: make([]int, len(h.links))}
	left := math.Inf(1)
	for i := range h.vertices {
		left = min(left, h.vertices[i].x-h.vertices[i].w/2)
	}
	for i := range h.vertices {
		v := &h.vertices[i]
		v.x -= math.Floor(left)
		d.width = max(d.width, v.x+v.w/2)
		if v.box >= 0 {
			b := &d.boxes[v.box]
			b.x = v.x - b.w/2
			b.y = h.top[v.rank] + math.Floor((h.bottom[v.rank]-h.top[v.rank]-b.h)/2)
			d.height = max(d.height, b.y+b.h)
		}
	}
	starts, ends := h.ports()
	for i := range h.trunks {
		h.lines(d, &h.trunks[i], starts[i], ends)
	}
	return d
}

// ports is where trunks begin and links end, side by side at their boxes, in the order in which they go on.
func (h *hierarchy) ports() (starts, ends []float64) {
	out, in := make([][]int, len(h.sizes)), make([][]int, len(h.sizes))
	aim, origin := make([]float64, len(h.trunks)), make([]float64, len(h.links))
	for i := range h.trunks {
		t := &h.trunks[i]
		out[t.from] = append(out[t.from], i)
		aim[i] = h.vertices[h.links[t.links[0]].to].x
		if len(t.bends) > 0 {
			aim[i] = h.vertices[t.bends[0]].x
		}
		for _, l := range t.links {
			in[h.links[l].to] = append(in[h.links[l].to], l)
			origin[l] = h.vertices[h.before(t, l)].x
		}
	}
	starts, ends = make([]float64, len(h.trunks)), make([]float64, len(h.links))
	spread := func(list []int, key, x []float64, v *vertex) {
		slices.SortStableFunc(list, func(a, b int) int { return cmp.Compare(key[a], key[b]) })
		step := min(portGap, (v.w-24)/float64(len(list)))
		for i, k := range list {
			x[k] = math.Round(v.x + (float64(i)-float64(len(list)-1)/2)*step)
		}
	}
	for b := range h.sizes {
		spread(out[b], aim, starts, &h.vertices[b])
		spread(in[b], origin, ends, &h.vertices[b])
	}
	return starts, ends
}

// before is the vertex that a link comes from last.
func (h *hierarchy) before(t *trunk, l int) int {
	if n := h.vertices[h.links[l].to].rank - h.vertices[t.from].rank - 1; n > 0 && !t.free {
		return t.bends[n-1]
	}
	return t.from
}

// lines appends the segments of a trunk.
func (h *hierarchy) lines(d *drawing, t *trunk, start float64, ends []float64) {
	from := d.boxes[t.from]
	current := segment{-1, []point{{start, from.y + from.h}}, t.free}
	finish := func(s segment) int {
		s.points = straighten(s.points)
		d.segments = append(d.segments, s)
		return len(d.segments) - 1
	}
	rest := t.links
	for n := 0; len(rest) > 0; n++ {
		if n > 0 && !t.free {
			v := &h.vertices[t.bends[n-1]]
			current.points = append(current.points, point{v.x, h.top[v.rank]}, point{v.x, h.bottom[v.rank]})
		}
		var here []int
		for len(rest) > 0 && (t.free || h.vertices[h.links[rest[0]].to].rank == h.vertices[t.from].rank+1+n) {
			here, rest = append(here, rest[0]), rest[1:]
		}
		if len(here) == 0 {
			continue
		}
		end := func(l int) point { return point{ends[l], d.boxes[h.links[l].to].y} }
		if len(here) == 1 && len(rest) == 0 {
			current.points = append(current.points, end(here[0]))
			d.last[here[0]] = finish(current)
			return
		}
		parent, fork := current.parent, current.points[len(current.points)-1]
		if len(current.points) > 1 {
			parent = finish(current)
		}
		for _, l := range here {
			d.last[l] = finish(segment{parent, []point{fork, end(l)}, t.free})
		}
		current = segment{parent, []point{fork}, t.free}
	}
}

// straighten leaves out points inside of vertical lines.
func straighten(points []point) []point {
	out := points[:0:0]
	for i, p := range points {
		if i > 0 && i < len(points)-1 && points[i-1].x == p.x && points[i+1].x == p.x || i > 0 && points[i-1] == p {
			continue
		}
		out = append(out, p)
	}
	return out
}
