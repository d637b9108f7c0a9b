package kernel

// packFunc packs rows k0…k1-1 of the K×I matrix that src stands for, columns i0…i1-1, into panels: panel q holds, for
// each k in turn, the p columns from i0+q·p. The last panel is filled up with zeros. line is scratch for i1-i0 elements.
type packFunc func(dst, src []float32, k0, k1, i0, i1 int, line []float32)

// packRows packs a matrix whose rows lie ld apart: element (k, i) is src[k·ld+i].
func packRows(p, ld int) packFunc {
	return func(dst, src []float32, k0, k1, i0, i1 int, _ []float32) {
		for k := k0; k < k1; k++ {
			scatterLine(dst[(k-k0)*p:], src[k*ld+i0:k*ld+i1], p, (k1-k0)*p)
		}
	}
}

// packColumns packs a matrix whose columns lie ld apart: element (k, i) is src[i·ld+k].
func packColumns(p, ld int) packFunc {
	return func(dst, src []float32, k0, k1, i0, i1 int, _ []float32) {
		for i := i0; i < i1; i += p {
			panel := dst[(i-i0)*(k1-k0):][:(k1-k0)*p]
			if i1-i < p {
				clear(panel)
			}
			for q := range min(p, i1-i) {
				column := src[(i+q)*ld+k0 : (i+q)*ld+k1]
				for k, j := 0, q; k < len(column) && j < len(panel); k, j = k+1, j+p {
					panel[j] = column[k]
				}
			}
		}
	}
}

// packWindow packs the im2col matrix of a window without making it: row k is one tap of one channel, column i one
// output position.
func packWindow(p int, w *window) packFunc {
	return func(dst, src []float32, k0, k1, i0, i1 int, line []float32) {
		line = line[:i1-i0]
		for k := k0; k < k1; k++ {
			w.gather(line, src, k, i0)
			scatterLine(dst[(k-k0)*p:], line, p, (k1-k0)*p)
		}
	}
}

// scatterLine writes p elements of line to every stride-th element of dst, the last ones filled up with zeros.
func scatterLine(dst, line []float32, p, stride int) {
	if p == 4 {
		for ; len(line) >= 4; line = line[4:] {
			*(*[4]float32)(dst) = *(*[4]float32)(line)
			dst = dst[min(stride, len(dst)):]
		}
	}
	for ; len(line) >= p; line = line[p:] {
		copy(dst[:p], line)
		dst = dst[min(stride, len(dst)):]
	}
	if len(line) > 0 {
		clear(dst[copy(dst, line):p])
	}
}
