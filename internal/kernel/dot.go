package kernel

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
