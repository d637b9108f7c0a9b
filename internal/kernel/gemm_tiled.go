package kernel

import "unsafe"

// tiled is a matrix product by the micro-kernel of tileArgs: rows of A are its pixels, columns of B its channels. A band
// of rows of A is packed as convolutions find their input, [⌈k/16⌉][rows][16], so that a tile reads neighbouring lines;
// B is read in panels of blocks·16 columns, packed but for whole panels of a row-major matrix that comes with Run.
type tiled struct {
	kern           tileKernel
	m, n, k        int
	transA, transB bool
	packed         []float32 // constant B: panels of k×width
	rows, panels   chunks    // of rows, in tiles; of columns, in panels
	band           int       // rows worked on at once
	taps           []tileTap // of a band
	depth          int       // taps summed at once
}

// newTiled prepares C = A·B; b is B where it is constant and to be packed.
func newTiled(impl Impl, m, n, k int, transA, transB bool, b []float32, want int) *tiled {
	t := &tiled{kern: newTileKernel(impl), m: m, n: n, k: k, transA: transA, transB: transB}
	p := t.kern.pixels
	t.band = max(p, cacheBytes/max(1, k*floatBytes)/p*p)
	t.band = min(roundUp(ceilDiv(m, ceilDiv(m, t.band)), p), roundUp(m, p)) // bands of about one size
	for b := 0; b < k; b += Block {
		t.taps = append(t.taps, tileTap{b / Block * t.band * blockBytes, min(Block, k-b)})
	}
	t.depth = len(t.taps)
	if b == nil && !transB && n*floatBytes > pageBytes && k*n*floatBytes > 4*cacheBytes {
		t.depth = min(t.depth, 8) // rows of B lie far apart, too: all panels of few of them
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
		t.packed = alignedFloats(panels * t.width() * k)
		for q := range panels {
			t.packPanel(t.packed[q*t.width()*k:], b, q)
		}
	}
	return t
}

// pageBytes is how far apart rows lie each of which needs a page of its own.
const pageBytes = 4096

func (t *tiled) width() int { return t.kern.blocks * Block }
func (t *tiled) tasks() int { return t.rows.tasks * t.panels.tasks }

func (t *tiled) scratchSize() int {
	return t.kern.pixels*t.width() + t.width()*t.k + 2*Block + t.band*len(t.taps)*Block
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
	transpose(t.kern.impl, dst, b[j0*t.k:], j1-j0, t.k, w, t.k)
}

// run computes one task of o.c and finishes it.
func (t *tiled) run(task int, o *operands, ep *epilogue, scratch []float32) {
	p, w := t.kern.pixels, t.width()
	i0, i1 := t.rows.bounds(task % t.rows.tasks)
	i0, i1 = i0*p, min(i1*p, t.m)
	q0, q1 := t.panels.bounds(task / t.rows.tasks)
	edge, scratch := scratch[:p*w], scratch[p*w:]
	panel, scratch := scratch[:w*t.k], scratch[w*t.k:]
	bias, rowsA := scratch[:2*Block], scratch[2*Block:]
	fused := ep.alpha == 1 && (ep.bias == NoBias || ep.bias == BiasPerColumn && ep.beta == 1)

	depth := t.depth
	if o.residual != nil {
		depth = len(t.taps)
	}
	for i := i0; i < i1; i += t.band {
		end := min(i+t.band, i1)
		t.packBand(rowsA, o.a, i, end)
		x := unsafe.Pointer(&rowsA[0])
		for t0 := 0; t0 < len(t.taps); t0 += depth {
			for q := q0; q < q1; q++ {
				t1 := min(t0+depth, len(t.taps))
				if (q+1)*w > t.n { // a panel that is packed is summed at once
					if t0 > 0 {
						continue
					}
					t1 = len(t.taps)
				}
				a := tileArgs{taps: &t.taps[t0], count: t1 - t0, px: blockBytes, yb: blockBytes}
				a.w, a.wstep = t.operandB(o.b, panel, q)
				a.w = (*float32)(unsafe.Add(unsafe.Pointer(a.w), t0*Block*a.wstep))
				a.bias = t.columnBias(o.bias, bias, q, fused && ep.bias == BiasPerColumn && t0 == 0)
				last := t1 == len(t.taps)
				if fused && last {
					a.setActivation(ep.act)
				}
				t.column(&a, o, x, edge, i, end, q, fused, t0 > 0)
				if last {
					t.finish(o, ep, i, end, q*w, min((q+1)*w, t.n), fused)
				}
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
			ep.act.apply(ep.impl, o.row(r, j0, j1))
		}
	}
}

// packBand packs rows i0…i1-1 of A.
func (t *tiled) packBand(dst, src []float32, i0, i1 int) {
	for b, tap := range t.taps {
		block, k0 := dst[b*t.band*Block:][:t.band*Block], b*Block
		if t.transA {
			transpose(t.kern.impl, block, src[k0*t.m+i0:], tap.depth, i1-i0, Block, t.m)
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
			t.kern.run(a)
			continue
		}
		a.ypx, a.y = w*floatBytes, unsafe.Pointer(&edge[0])
		if fused && o.residual != nil {
			for i := range to - from {
				copy(edge[i*w:], o.residual[at+i*o.ldc:][:columns])
			}
			a.res = a.y
		}
		t.kern.run(a)
		for i := range to - from {
			copy(o.c[at+i*o.ldc:][:columns], edge[i*w:])
		}
	}
}
