package kernel

import "fmt"

// microKernel multiplies two packed panels and names the block sizes that suit it.
type microKernel struct {
	name       string
	mr, nr     int // the tile of the result
	kc, mc, nc int // block sizes; mc and nc are multiples of mr and nr
	// run computes tile (+)= a·b for panels of depth kc; the tile's rows lie ldc apart. Each element is summed in
	// order of k.
	run func(kc int, a, b, c []float32, ldc int, add bool)
}

// blocked is a matrix product C[m,n] = A[m,k]·B[k,n] in cache-sized blocks of packed panels, after K. Goto and R. van
// de Geijn, Anatomy of High-Performance Matrix Multiplication, ACM TOMS 34(3), 2008.
type blocked struct {
	kern           microKernel
	m, n, k        int
	packA, packB   packFunc // nil: the operand comes packed whole, by packAll
	mTasks, nTasks int
}

// split divides the product into about want tasks. Tasks that share rows pack the same part of A each, tasks that
// share columns the same part of B.
func (g *blocked) split(want int) {
	const minRows, minColumns = 16, 64 // below, packing and tile edges cost more than a task wins
	want = max(1, want)
	rows, columns := max(1, g.m/minRows), max(1, g.n/minColumns)
	if g.packA != nil && (g.packB == nil || g.m > g.n) {
		g.mTasks = min(want, rows)
		g.nTasks = min(ceilDiv(want, g.mTasks), columns)
		return
	}
	g.nTasks = min(want, columns)
	g.mTasks = min(ceilDiv(want, g.nTasks), rows)
}

func (g *blocked) tasks() int { return g.mTasks * g.nTasks }

func (g *blocked) scratchSize() int {
	kc, mc, nc := min(g.kern.kc, g.k), min(g.kern.mc, roundUp(g.m, g.kern.mr)), min(g.kern.nc, roundUp(g.n, g.kern.nr))
	size := g.kern.mr*g.kern.nr + nc
	if g.packA != nil {
		size += mc * kc
	}
	if g.packB != nil {
		size += kc * nc
	}
	return size
}

// packAll packs all of one operand, of depth k and i columns, in panels of p, for a product whose pack function is nil. form
// names that function.
func (g *blocked) packAll(packs *Packs, form string, pack packFunc, src []float32, p, i int) []float32 {
	return packs.get(src, nil, fmt.Sprintf("%s %d %d %d", form, p, i, g.k), func() []float32 {
		stride := roundUp(i, p)
		dst, line := make([]float32, stride*g.k), make([]float32, i)
		for k := 0; k < g.k; k += g.kern.kc {
			pack(dst[k*stride:], src, k, min(k+g.kern.kc, g.k), 0, i, line)
		}
		return dst
	})
}

// tile is a part of a product: rows i0…i1-1, columns j0…j1-1.
type tile struct{ i0, i1, j0, j1 int }

func (g *blocked) tile(task int) tile {
	mp, np := ceilDiv(g.m, g.kern.mr), ceilDiv(g.n, g.kern.nr)
	i, j := task/g.nTasks, task%g.nTasks
	return tile{
		i * mp / g.mTasks * g.kern.mr, min((i+1)*mp/g.mTasks*g.kern.mr, g.m),
		j * np / g.nTasks * g.kern.nr, min((j+1)*np/g.nTasks*g.kern.nr, g.n),
	}
}

// operands are the arrays of one product. The rows of c lie ldc apart; c begins with element (i0, j0) of the result,
// which is (0, 0) wherever there is a full bias or a residual: they lie as c does.
type operands struct {
	c, a, b, bias, residual []float32
	ldc, i0, j0             int
}

// row returns columns j0…j1-1 of row i of c.
func (o *operands) row(i, j0, j1 int) []float32 {
	row := o.c[(i-o.i0)*o.ldc:]
	return row[j0-o.j0 : j1-o.j0]
}

// run computes one tile of the product and finishes it.
func (g *blocked) run(t tile, o *operands, ep *epilogue, scratch []float32) {
	s := g.carve(scratch)
	for j := t.j0; j < t.j1; j += g.kern.nc {
		j1 := min(j+g.kern.nc, t.j1)
		for k := 0; k < g.k; k += g.kern.kc {
			k1 := min(k+g.kern.kc, g.k)
			b := g.blockB(o.b, &s, k, k1, j, j1)
			for i := t.i0; i < t.i1; i += g.kern.mc {
				i1 := min(i+g.kern.mc, t.i1)
				a := g.blockA(o.a, &s, k, k1, i, i1)
				g.macro(a, b, k1-k, o.c[(i-o.i0)*o.ldc+j-o.j0:], o.ldc, i1-i, j1-j, k > 0, s.tile)
			}
		}
		if g.k == 0 {
			for i := t.i0; i < t.i1; i++ {
				clear(o.row(i, j, j1))
			}
		}
		ep.run(o, t.i0, t.i1, j, j1)
	}
}

// buffers are the parts of a task's scratch.
type buffers struct{ tile, line, a, b []float32 }

func (g *blocked) carve(scratch []float32) buffers {
	t, nc := g.kern.mr*g.kern.nr, min(g.kern.nc, roundUp(g.n, g.kern.nr))
	s := buffers{tile: scratch[:t], line: scratch[t : t+nc]}
	rest := scratch[t+nc:]
	if g.packA != nil {
		n := min(g.kern.mc, roundUp(g.m, g.kern.mr)) * min(g.kern.kc, g.k)
		s.a, rest = rest[:n], rest[n:]
	}
	s.b = rest
	return s
}

// blockA returns the packed block of A: from scratch, or from where packAll put it.
func (g *blocked) blockA(a []float32, s *buffers, k0, k1, i0, i1 int) []float32 {
	if g.packA == nil {
		return a[k0*roundUp(g.m, g.kern.mr)+i0*(k1-k0):]
	}
	g.packA(s.a, a, k0, k1, i0, i1, s.line)
	return s.a
}

func (g *blocked) blockB(b []float32, s *buffers, k0, k1, j0, j1 int) []float32 {
	if g.packB == nil {
		return b[k0*roundUp(g.n, g.kern.nr)+j0*(k1-k0):]
	}
	g.packB(s.b, b, k0, k1, j0, j1, s.line)
	return s.b
}

// macro multiplies a packed m×kc block by a packed kc×n block, tile by tile. Tiles that the block's edge cuts are
// computed whole in edge and copied in part, so that every element is computed alike.
func (g *blocked) macro(a, b []float32, kc int, c []float32, ldc, m, n int, add bool, edge []float32) {
	mr, nr := g.kern.mr, g.kern.nr
	for i := 0; i < m; i += mr {
		pa := a[i*kc : (i+mr)*kc]
		for j := 0; j < n; j += nr {
			pb := b[j*kc : (j+nr)*kc]
			if i+mr <= m && j+nr <= n {
				g.kern.run(kc, pa, pb, c[i*ldc+j:], ldc, add)
				continue
			}
			g.kern.run(kc, pa, pb, edge, nr, false)
			for r := range min(mr, m-i) {
				row := c[(i+r)*ldc+j:][:min(nr, n-j)]
				if add {
					addScaled(row, edge[r*nr:], 1)
				} else {
					copy(row, edge[r*nr:])
				}
			}
		}
	}
}
