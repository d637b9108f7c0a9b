package kernel

import (
	"fmt"
	"unsafe"
)

// tiled is a matrix product by the micro-kernel of tileArgs: rows of A are its pixels, columns of B its channels. A band
// of rows of A is packed as convolutions find their input, [⌈k/16⌉][rows][16], so that a tile reads neighbouring lines;
// B is read in panels of blocks·16 columns, packed but for whole panels of a row-major matrix that comes with Run.
type tiled struct {
	set            *Set
	kern           tileKernel
	m, n, k        int
	transA, transB bool
	packed         []float32 // constant B: panels of k×width
	rows, panels   chunks    // of rows, in tiles; of columns, in panels
	band           int       // rows worked on at once
	taps           []tileTap // of a band
	depth          int       // taps summed at once
	strip          int       // panels copied at once; 0: they are read where they lie
	inner          bool      // all rows of a strip's columns are computed before the next strip
}

// newTiled prepares C = A·B; b is B where it is constant and to be packed.
func newTiled(set *Set, m, n, k int, transA, transB bool, b []float32, packs *Packs, want int) *tiled {
	t := &tiled{set: set, kern: set.tile, m: m, n: n, k: k, transA: transA, transB: transB}
	p, blocks := t.kern.pixels, ceilDiv(k, Block)
	t.depth = blocks
	depth, far := k, b == nil && !transB && n*floatBytes > pageBytes
	if far && k*n*floatBytes > 4*cacheBytes && blocks > stripDepth { // rows of B lie far apart: all panels of few of them
		t.depth, t.strip = stripDepth, stripPanels
		depth = stripDepth * Block
	}
	t.band = max(p, cacheBytes/max(1, depth*floatBytes)/p*p)
	if far && blocks <= stripDepth && m*n*floatBytes > 4*cacheBytes { // so do those of C
		t.strip, t.inner, t.band = stripPanels, true, min(t.band, 2*p)
	}
	t.band = min(roundUp(ceilDiv(m, ceilDiv(m, t.band)), p), roundUp(m, p)) // bands of about one size
	for b := 0; b < k; b += Block {
		t.taps = append(t.taps, tileTap{b / Block * t.band * blockBytes, min(Block, k-b)})
	}
	panels, tiles := ceilDiv(n, t.width()), ceilDiv(m, p)
	if n > m { // tasks that share columns pack the same panels each, tasks that share rows the same rows
		t.panels = newChunks(panels, want, 1)
		t.rows = newChunks(tiles, ceilDiv(want, max(1, t.panels.tasks)), 1)
	} else {
		t.rows = newChunks(tiles, want, 1)
		t.panels = newChunks(panels, ceilDiv(want, max(1, t.rows.tasks)), 1)
	}
	if b != nil {
		t.packed = packs.get(b, nil, fmt.Sprintf("panels %d %d %d %v", t.width(), n, k, transB), func() []float32 {
			packed := alignedFloats(panels * t.width() * k)
			for q := range panels {
				t.packPanel(packed[q*t.width()*k:], b, q)
			}
			return packed
		})
	}
	return t
}

// pageBytes is how far apart rows lie each of which needs a page of its own.
const pageBytes = 4096

// A strip of B is stripDepth blocks of rows by stripPanels panels, which fit in half of a core's own cache.
const stripDepth, stripPanels = 8, 16

func (t *tiled) width() int { return t.kern.blocks * Block }
func (t *tiled) tasks() int { return t.rows.tasks * t.panels.tasks }

func (t *tiled) scratchSize() int {
	return t.kern.pixels*t.width() + t.width()*(t.k+t.strip*stripDepth*Block) + 2*Block + t.band*len(t.taps)*Block
}

// packPanel packs panel q of B, k×width, with zeros beyond the last column.
func (t *tiled) packPanel(dst, b []float32, q int) {
	w := t.width()
	j0, j1 := q*w, min((q+1)*w, t.n)
	dst = dst[:t.k*w]
	if j1-j0 < w {
		clear(dst)
	}
	if !t.transB {
		for k := range t.k {
			copy(dst[k*w:][:w], b[k*t.n+j0:k*t.n+j1])
		}
		return
	}
	transpose(t.set, dst, b[j0*t.k:], j1-j0, t.k, w, t.k)
}

// run computes one task of o.c and finishes it.
func (t *tiled) run(task int, o *operands, ep *epilogue, scratch []float32) {
	p, w := t.kern.pixels, t.width()
	i0, i1 := t.rows.bounds(task % t.rows.tasks)
	i0, i1 = i0*p, min(i1*p, t.m)
	q0, q1 := t.panels.bounds(task / t.rows.tasks)
	s := tiledScratch{edge: scratch[:p*w]}
	s.panel, scratch = scratch[p*w:][:w*t.k], scratch[p*w+w*t.k:]
	s.strip, scratch = scratch[:t.strip*stripDepth*Block*w], scratch[t.strip*stripDepth*Block*w:]
	s.bias, s.rows = scratch[:2*Block], scratch[2*Block:]
	span := max(1, q1-q0)
	if t.inner {
		span = t.strip
	}
	for q := q0; q < q1; q += span {
		for i := i0; i < i1; i += t.band {
			t.packBand(s.rows, o.a, i, min(i+t.band, i1))
			t.rectangle(o, ep, &s, i, min(i+t.band, i1), q, min(q+span, q1), i == i0)
		}
	}
}

// tiledScratch is the parts of a task's scratch: a tile, a packed panel of B, a strip of B, a panel's bias, a band of A.
type tiledScratch struct{ edge, panel, strip, bias, rows []float32 }

// rectangle computes rows i0…i1-1, which are packed, of panels q0…q1-1; first says that they are a task's first rows.
func (t *tiled) rectangle(o *operands, ep *epilogue, s *tiledScratch, i0, i1, q0, q1 int, first bool) {
	w := t.width()
	fused := ep.alpha == 1 && (ep.bias == NoBias || ep.bias == BiasPerColumn && ep.beta == 1)
	depth, strips := t.depth, t.strip > 0
	if o.residual != nil && depth < len(t.taps) {
		depth, strips = len(t.taps), false
	}
	x := unsafe.Pointer(&s.rows[0])
	for t0 := 0; t0 < len(t.taps); t0 += depth {
		for q := q0; q < q1; q++ {
			t1, whole := min(t0+depth, len(t.taps)), (q+1)*w <= t.n
			if !whole { // a panel that is packed is summed at once
				if t0 > 0 {
					continue
				}
				t1 = len(t.taps)
			}
			a := tileArgs{taps: &t.taps[t0], count: t1 - t0, px: blockBytes, yb: blockBytes}
			if strips && whole {
				at := (q - q0) % t.strip
				if at == 0 && (first || !t.inner) {
					t.packStrip(s.strip, o.b, q, min(q+t.strip, q1), t0, t1)
				}
				a.w, a.wstep = &s.strip[at*stripDepth*Block*w], w*floatBytes
			} else {
				a.w, a.wstep = t.operandB(o.b, s.panel, q)
				a.w = (*float32)(unsafe.Add(unsafe.Pointer(a.w), t0*Block*a.wstep))
			}
			a.bias = t.columnBias(o.bias, s.bias, q, fused && ep.bias == BiasPerColumn && t0 == 0)
			last := t1 == len(t.taps)
			if fused && last {
				a.setActivation(ep.act)
			}
			t.column(&a, o, x, s.edge, i0, i1, q, fused, t0 > 0)
			if last {
				t.finish(o, ep, i0, i1, q*w, min((q+1)*w, t.n), fused)
			}
		}
	}
}

// finish does to rows i0…i1-1, columns j0…j1-1 of C what tiles cannot.
func (t *tiled) finish(o *operands, ep *epilogue, i0, i1, j0, j1 int, fused bool) {
	switch {
	case !fused:
		ep.run(o, i0, i1, j0, j1)
	case ep.act.Kind == Function:
		for r := i0; r < i1; r++ {
			ep.act.apply(ep.set, o.row(r, j0, j1))
		}
	}
}

// packBand packs rows i0…i1-1 of A.
func (t *tiled) packBand(dst, src []float32, i0, i1 int) {
	for b, tap := range t.taps {
		block, k0 := dst[b*t.band*Block:][:t.band*Block], b*Block
		if t.transA {
			transpose(t.set, block, src[k0*t.m+i0:], tap.depth, i1-i0, Block, t.m)
			continue
		}
		for i := i0; i < i1; i++ {
			if row := src[i*t.k+k0:]; tap.depth == Block {
				*(*[Block]float32)(block[(i-i0)*Block:]) = *(*[Block]float32)(row)
			} else {
				copy(block[(i-i0)*Block:], row[:tap.depth])
			}
		}
	}
}

// operandB returns panel q and the distance of its rows.
func (t *tiled) operandB(src, panel []float32, q int) (*float32, int) {
	w := t.width()
	switch {
	case t.packed != nil:
		return &t.packed[q*w*t.k], w * floatBytes
	case !t.transB && (q+1)*w <= t.n:
		return &src[q*w], t.n * floatBytes
	}
	t.packPanel(panel, src, q)
	return &panel[0], w * floatBytes
}

// packStrip copies the rows of taps t0…t1-1 of the whole ones of panels q0…q1-1, row by row, as they lie in memory.
func (t *tiled) packStrip(dst, b []float32, q0, q1, t0, t1 int) {
	w := t.width()
	q1 = min(q1, t.n/w)
	for k := t0 * Block; k < min(t1*Block, t.k); k++ {
		to := dst[(k-t0*Block)*w:]
		row := b[k*t.n+q0*w : k*t.n+q1*w]
		for len(row) > 0 {
			if w == 2*Block {
				*(*[2 * Block]float32)(to) = *(*[2 * Block]float32)(row)
			} else {
				copy(to[:w], row)
			}
			row, to = row[w:], to[min(len(to), stripDepth*Block*w):]
		}
	}
}

// columnBias is what sums of panel q begin with.
func (t *tiled) columnBias(src, bias []float32, q int, present bool) *float32 {
	w := t.width()
	switch {
	case !present:
		return &zeros[0]
	case (q+1)*w <= t.n:
		return &src[q*w]
	}
	clear(bias[copy(bias, src[q*w:t.n]):])
	return &bias[0]
}

// column computes rows i0…i1-1 of panel q, or adds to them.
func (t *tiled) column(a *tileArgs, o *operands, x unsafe.Pointer, edge []float32, i0, i1, q int, fused, add bool) {
	w := t.width()
	columns := min(w, t.n-q*w)
	nb := ceilDiv(columns, Block)
	tiles := ceilDiv(i1-i0, t.kern.pixels)
	for tile := range tiles {
		from, to := tile*(i1-i0)/tiles, (tile+1)*(i1-i0)/tiles
		a.shape = to - from + 16*nb
		a.x = unsafe.Add(x, from*a.px)
		at := (i0+from)*o.ldc + q*w
		a.res = nil
		if columns == nb*Block {
			a.ypx, a.y = o.ldc*floatBytes, unsafe.Pointer(&o.c[at])
			if fused && o.residual != nil {
				a.res = unsafe.Pointer(&o.residual[at])
			}
			if add {
				a.res = a.y
			}
			t.kern.run(noescape(a))
			continue
		}
		a.ypx, a.y = w*floatBytes, unsafe.Pointer(&edge[0])
		if fused && o.residual != nil {
			for i := range to - from {
				copy(edge[i*w:], o.residual[at+i*o.ldc:][:columns])
			}
			a.res = a.y
		}
		t.kern.run(noescape(a))
		for i := range to - from {
			copy(o.c[at+i*o.ldc:][:columns], edge[i*w:])
		}
	}
}
