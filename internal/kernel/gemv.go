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

// gemvDots computes c[i,j] = x[i]·w[j] for m vectors x and rows j0…j1-1 of w.
func gemvDots(set *Set, c, x, w []float32, m, n, k, j0, j1 int) {
	if set.Has(FamilyDot) && k >= Block {
		gemvVector(set, c, x, w, m, n, k, j0, j1)
		return
	}
	j := j0
	for ; j+2 <= j1; j += 2 {
		w0, w1 := w[j*k:(j+1)*k], w[(j+1)*k:(j+2)*k]
		for i := range m {
			c[i*n+j], c[i*n+j+1] = dot2(x[i*k:(i+1)*k], w0, w1)
		}
	}
	if j < j1 {
		w0 := w[j*k : (j+1)*k]
		for i := range m {
			c[i*n+j], _ = dot2(x[i*k:(i+1)*k], w0, w0)
		}
	}
}

// gemvVector is gemvDots with the vector registers of set: four rows of w at a time, for up to four vectors at once.
func gemvVector(set *Set, c, x, w []float32, m, n, k, j0, j1 int) {
	most := len(set.dot.products) - 1
	for most > 0 && set.dot.products[most][1] == nil {
		most--
	}
	if m == 1 && k <= shortLine && set.dot.lines != nil {
		gemvLines(set, c, x, w, k, j0, j1)
		return
	}
	var sums [16]float32
	for j := j0; j < j1; {
		cols, four := 4, 1
		if j+cols > j1 {
			cols, four = 1, 0
		}
		for i := 0; i < m; {
			size := most
			for 1<<size > m-i {
				size--
			}
			rows := 1 << size
			set.dot.products[size][four](noescape(&sums[0]), &x[i*k : (i+rows)*k][0], &w[j*k : (j+cols)*k][0], k*floatBytes, k*floatBytes, k/Block)
			for r := range rows {
				tail := x[(i+r)*k+k/Block*Block : (i+r+1)*k]
				for q := range cols {
					sum := sums[r*cols+q]
					for l, v := range w[(j+q+1)*k-len(tail) : (j+q+1)*k] {
						sum += v * tail[l]
					}
					c[(i+r)*n+j+q] = sum
				}
			}
			i += rows
		}
		j += cols
	}
}

// shortLine is the greatest length of rows that are read one after the other: several streams at once are quicker only
// where each is long.
const shortLine = 2048

// gemvLines is gemvVector for one vector and short rows.
func gemvLines(set *Set, c, x, w []float32, k, j0, j1 int) {
	whole := k / Block * Block
	set.dot.lines(&c[j0:j1][0], &x[:k][0], &w[j0*k : j1*k][0], k*floatBytes, k/Block, j1-j0)
	if whole == k {
		return
	}
	for j := j0; j < j1; j++ {
		for l, v := range w[j*k+whole : (j+1)*k] {
			c[j] += v * x[whole+l]
		}
	}
}

// dot2 returns x·w and x·v, each as four partial sums.
func dot2(x, w, v []float32) (float32, float32) {
	w, v = w[:len(x)], v[:len(x)]
	var w0, w1, w2, w3, v0, v1, v2, v3 float32
	for len(x) >= 8 && len(w) >= 8 && len(v) >= 8 {
		x0, x1, x2, x3 := x[0], x[1], x[2], x[3]
		w0 += x0 * w[0]
		w1 += x1 * w[1]
		w2 += x2 * w[2]
		w3 += x3 * w[3]
		v0 += x0 * v[0]
		v1 += x1 * v[1]
		v2 += x2 * v[2]
		v3 += x3 * v[3]
		x0, x1, x2, x3 = x[4], x[5], x[6], x[7]
		w0 += x0 * w[4]
		w1 += x1 * w[5]
		w2 += x2 * w[6]
		w3 += x3 * w[7]
		v0 += x0 * v[4]
		v1 += x1 * v[5]
		v2 += x2 * v[6]
		v3 += x3 * v[7]
		x, w, v = x[8:], w[8:], v[8:]
	}
	for i := range x {
		w0 += x[i] * w[i]
		v0 += x[i] * v[i]
	}
	return (w0 + w1) + (w2 + w3), (v0 + v1) + (v2 + v3)
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
