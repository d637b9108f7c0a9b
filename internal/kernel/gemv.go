package kernel

// The greatest number of rows that are multiplied one by one, because packing the matrix would cost more: a matrix
// stored by columns is read once for all rows, one stored by rows once for each.
const (
	gemvRows      = 3
	gemvRowsTrans = 8
)

// DotRows is the greatest number of rows that are multiplied with the rows of a large matrix where it lies.
const DotRows = 32

// ReadInPlace reports whether a constant matrix of n elements is too large to keep a packed copy of it for a few rows.
func ReadInPlace(n int) bool { return n > packLimit }

// gemvColumns is the unit in which columns are divided among tasks: a cache line of the result.
const gemvColumns = 16

// gemv is a product of one or a few vectors with a matrix that is read once, in the order in which it lies: a
// fully-connected layer at a small batch. A product with one column is the transposed product with one row.
type gemv struct {
	m, n, k int
	set     *Set
	trans   bool // the matrix is stored n×k
	swap    bool // the matrix is A: c is stored as a column, which for m = 1 is the same
	chunks
}

// newGemv returns nil where the product is not of this kind.
func newGemv(s *GemmSpec, split int) *gemv {
	set := s.Set.orBest()
	g := &gemv{m: s.M, n: s.N, k: s.K, set: set, trans: s.TransB}
	rows, rowsTrans := gemvRows, gemvRowsTrans
	tiles := set.Has(FamilyTile)
	if tiles { // by which a matrix stored by rows goes, and one stored by columns that is worth packing
		rows, rowsTrans = 0, gemvRows
	}
	if set.Has(FamilyDot) && ReadInPlace(s.K*s.N) {
		rowsTrans = DotRows
	}
	switch {
	case s.M == 1 && (s.TransB || !tiles), s.M <= rows && !s.TransA, s.M <= rowsTrans && !s.TransA && s.TransB:
	case s.N == 1:
		*g = gemv{m: 1, n: s.M, k: s.K, set: set, trans: !s.TransA, swap: true}
	default:
		return nil
	}
	g.chunks = newChunks(ceilDiv(g.n, gemvColumns), split, grain/max(1, g.k))
	return g
}

func (g *gemv) run(task int, o *operands, ep *epilogue) {
	j0, j1 := g.bounds(task)
	j0, j1 = j0*gemvColumns, min(j1*gemvColumns, g.n)
	x, w, e := o.a, o.b, *ep
	if g.swap {
		x, w = w, x
		e.bias = e.bias.transposed()
	}
	if g.trans {
		gemvDots(g.set, o.c, x, w, g.m, g.n, g.k, j0, j1)
	} else {
		for i := range g.m {
			gemvSum(o.c[i*g.n+j0:i*g.n+j1], x[i*g.k:(i+1)*g.k], w[min(j0, len(w)):], g.n)
		}
	}
	view := *o
	view.ldc = g.n
	e.run(&view, 0, g.m, j0, j1)
}

// gemvSum computes y = Σ x[k]·w[k], where row k of w begins at k·ld and has the length of y, four rows at a time.
func gemvSum(y, x, w []float32, ld int) {
	clear(y)
	n, k := len(y), 0
	for ; k+4 <= len(x); k += 4 {
		x0, x1, x2, x3 := x[k], x[k+1], x[k+2], x[k+3]
		r0, r1 := w[k*ld:][:n], w[(k+1)*ld:][:n]
		r2, r3 := w[(k+2)*ld:][:n], w[(k+3)*ld:][:n]
		for j := range y {
			y[j] = y[j] + x0*r0[j] + x1*r1[j] + x2*r2[j] + x3*r3[j]
		}
	}
	for ; k < len(x); k++ {
		xk, row := x[k], w[k*ld:][:n]
		for j := range y {
			y[j] += xk * row[j]
		}
	}
}
