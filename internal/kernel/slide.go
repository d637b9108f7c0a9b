package kernel

import "unsafe"

// slide is a window that goes over blocked planes, channel by channel. Outputs whose window has the same taps inside the
// input form a region, so that padding costs nothing within one.
type slide struct {
	set        *Set
	win        window
	regions    []region
	planes     int // images × blocks
	blocks     int // of an image
	bands      int // tasks that share a plane
	place      outputPlace
	weightTaps int // of a block's weights
	chunks         // of planes × bands
}

// region is outputs y0…y1-1 × x0…x1-1.
type region struct {
	y0, y1, x0, x1 int
	base           int // where the first tap of the first output lies in the plane, in bytes
	taps           []windowTap
	count          float32 // what an average divides by
}

// windowTap is one tap: its distance from the first one in the input, and where its weights lie, in bytes.
type windowTap struct{ off, weight int }

// windowArgs describes a region of a plane: rows×cols pixels, each
//
//	max:  max(lo, x[taps]…)
//	sum:  (Σ x[taps]) / div
//	fma:  clamp(init + Σ x[taps]·w[taps])
//
// Distances are in bytes. _gen/slide knows the offsets of the fields.
type windowArgs struct {
	x, y, w    unsafe.Pointer
	init       *float32
	taps       *windowTap
	count      int
	px, xrow   int // from one output's input to the next one's in its row, and in its column
	ypx, yrow  int // the same of the outputs
	cols, rows int
	clamp      int
	lo, hi     float32
	div        float32
}

type slideOp uint8

const (
	slideMax slideOp = iota
	slideSum
	slideFMA
)

// newSlide prepares a window over n images of c channels.
func newSlide(set *Set, n, c int, s *Spatial, split int, counts [3][]int) slide {
	win := s.window()
	return newSlideOf(set, n, c, win, split, counts, func(ty, tx int) int { return ty*len(win[2].off) + tx })
}

// newSlideOf prepares a window of which tap (ty, tx) has the weights at index(ty, tx).
func newSlideOf(set *Set, n, c int, win window, split int, counts [3][]int, index func(ty, tx int) int) slide {
	l := slide{set: set.orBest(), win: win, blocks: Blocks(c), place: densePlace(&win), weightTaps: win.taps()}
	l.planes = n * l.blocks
	h, w := &l.win[1], &l.win[2]
	for _, ry := range h.runs(counts[1]) {
		for _, rx := range w.runs(counts[2]) {
			r := region{y0: ry.from, y1: ry.to, x0: rx.from, x1: rx.to, count: float32(ry.count * rx.count)}
			first := -1
			for ty := ry.t0; ty < ry.t1; ty++ {
				for tx := rx.t0; tx < rx.t1; tx++ {
					at := ((ry.from*h.stride+h.off[ty])*w.in + rx.from*w.stride + w.off[tx]) * blockBytes
					if first < 0 {
						first = at
						r.base = at
					}
					r.taps = append(r.taps, windowTap{at - first, index(ty, tx) * blockBytes})
				}
			}
			l.regions = append(l.regions, r)
		}
	}
	work := h.out * w.out * len(h.off) * len(w.off) * Block
	if l.win.outputs() == 0 {
		l.planes = 0
	}
	l.bands = 1
	if l.planes > 0 && l.planes < split {
		l.bands = max(1, min(ceilDiv(split, l.planes), h.out, work/slideGrain))
	}
	l.chunks = newChunks(l.planes*l.bands, split, ceilDiv(slideGrain, max(1, work/l.bands)))
	return l
}

// slideGrain is how many taps of elements are worth a task of its own.
const slideGrain = 6000

// axisRun is outputs from…to-1 of an axis, all of which have the taps t0…t1-1 inside, and an average's count.
type axisRun struct{ from, to, t0, t1, count int }

// runs divides an axis.
func (a *axis) runs(counts []int) []axisRun {
	var list []axisRun
	for o := range a.out {
		r := axisRun{from: o, to: o + 1, t0: len(a.off), count: 1}
		for t := range a.off {
			if a.lo[t] <= o && o < a.hi[t] {
				r.t0, r.t1 = min(r.t0, t), t+1
			}
		}
		if counts != nil {
			r.count = counts[o]
		}
		if n := len(list); n > 0 && list[n-1].t0 == r.t0 && list[n-1].t1 == r.t1 && list[n-1].count == r.count {
			list[n-1].to = o + 1
			continue
		}
		list = append(list, r)
	}
	return list
}

// run computes one task; a holds what does not depend on the place. weights are [blocks][taps] and init [blocks], both of
// one block each, where the operation reads them.
func (l *slide) run(op slideOp, task int, y, x []float32, weights, init []float32, a *windowArgs) {
	h := &l.win[1]
	inSize, outSize, taps := l.win.inputs()*Block, l.place.plane/floatBytes, l.weightTaps
	lo, hi := l.bounds(task)
	for u := lo; u < hi; u++ {
		plane, band := u/l.bands, u%l.bands
		in, out := x[plane*inSize:][:inSize], y[plane*outSize:][:outSize]
		if op == slideFMA {
			b := plane % l.blocks
			a.w, a.init = unsafe.Pointer(&weights[b*taps*Block:][:taps*Block][0]), &init[b*Block:][:Block][0]
		}
		l.plane(op, out, in, band*h.out/l.bands, (band+1)*h.out/l.bands, a)
	}
}

// plane computes rows r0…r1-1 of a plane.
func (l *slide) plane(op slideOp, y, x []float32, r0, r1 int, a *windowArgs) {
	l.planeBand(op, y, x, 0, r0, r1, a)
}

// planeBand is plane for an input of which x begins with row x0.
func (l *slide) planeBand(op slideOp, y, x []float32, x0, r0, r1 int, a *windowArgs) {
	h, w := &l.win[1], &l.win[2]
	for i := range l.regions {
		r := &l.regions[i]
		y0, y1 := max(r0, r.y0), min(r1, r.y1)
		if y0 >= y1 {
			continue
		}
		a.rows, a.cols, a.count, a.div = y1-y0, r.x1-r.x0, len(r.taps), max(1, r.count)
		a.px, a.xrow, a.ypx, a.yrow = w.stride*blockBytes, h.stride*w.in*blockBytes, l.place.px, l.place.row
		a.taps = unsafe.SliceData(r.taps)
		a.x = unsafe.Pointer(unsafe.SliceData(x))
		if len(r.taps) > 0 {
			a.x = unsafe.Add(a.x, r.base+((y0-r.y0)*h.stride-x0)*w.in*blockBytes)
		}
		a.y = unsafe.Pointer(&y[(l.place.first+y0*l.place.row+r.x0*l.place.px)/floatBytes])
		if a.cols < min(a.rows, 8) { // a narrow region goes by columns, so that there are several outputs at once
			a.rows, a.cols = a.cols, a.rows
			a.px, a.xrow, a.ypx, a.yrow = a.xrow, a.px, a.yrow, a.ypx
		}
		l.set.slide.window[op](noescape(a))
	}
}

// windowGeneric is the reference.
func windowGeneric(op slideOp, a *windowArgs) {
	taps, sums := unsafe.Slice(a.taps, a.count), windowFMAs
	switch op {
	case slideMax:
		sums = windowMaxima
	case slideSum:
		sums = windowSums
	}
	for row := range a.rows {
		for col := range a.cols {
			x, y := unsafe.Add(a.x, row*a.xrow+col*a.px), unsafe.Add(a.y, row*a.yrow+col*a.ypx)
			for at := 0; at < blockBytes; at += 4 * floatBytes { // as many sums as there are registers for
				*(*[4]float32)(unsafe.Add(y, at)) = sums(a, taps, x, at)
			}
		}
	}
}

// windowMaxima is the greatest of four channels, at bytes from the first of the block.
func windowMaxima(a *windowArgs, taps []windowTap, x unsafe.Pointer, at int) [4]float32 {
	m0, m1, m2, m3 := a.lo, a.lo, a.lo, a.lo
	for _, t := range taps {
		u := (*[4]float32)(unsafe.Add(x, t.off+at))
		m0, m1, m2, m3 = max(m0, u[0]), max(m1, u[1]), max(m2, u[2]), max(m3, u[3])
	}
	return [4]float32{m0, m1, m2, m3}
}

// windowSums is the means of four channels.
func windowSums(a *windowArgs, taps []windowTap, x unsafe.Pointer, at int) [4]float32 {
	var s0, s1, s2, s3 float32
	for _, t := range taps {
		u := (*[4]float32)(unsafe.Add(x, t.off+at))
		s0, s1, s2, s3 = s0+u[0], s1+u[1], s2+u[2], s3+u[3]
	}
	return [4]float32{s0 / a.div, s1 / a.div, s2 / a.div, s3 / a.div}
}

// windowFMAs is the sums of products of four channels.
func windowFMAs(a *windowArgs, taps []windowTap, x unsafe.Pointer, at int) [4]float32 {
	init := (*[4]float32)(unsafe.Add(unsafe.Pointer(a.init), at))
	s0, s1, s2, s3 := init[0], init[1], init[2], init[3]
	for _, t := range taps {
		u, w := (*[4]float32)(unsafe.Add(x, t.off+at)), (*[4]float32)(unsafe.Add(a.w, t.weight+at))
		s0 += u[0] * w[0]
		s1 += u[1] * w[1]
		s2 += u[2] * w[2]
		s3 += u[3] * w[3]
	}
	if a.clamp != 0 {
		s0, s1, s2, s3 = limit(s0, a.lo, a.hi), limit(s1, a.lo, a.hi), limit(s2, a.lo, a.hi), limit(s3, a.lo, a.hi)
	}
	return [4]float32{s0, s1, s2, s3}
}
