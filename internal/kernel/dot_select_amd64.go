//go:build !noasm

package kernel

// dots computes y[i·cols+j] = x[i]·w[j] over the first k/16·16 elements, for rows vectors (1, 2, or 4 with AVX-512) and
// cols (1 or 4) rows of w, which follow each other. It reports false where impl has no such function.
func dots(impl Impl, y, x, w []float32, rows, cols, k int) bool {
	py, px, pw, step, rounds := &y[:rows*cols][0], &x[:rows*k][0], &w[:cols*k][0], k*floatBytes, k/Block
	switch {
	case impl == AVX512 && cols == 4 && rows == 4:
		dot4x4AVX512(py, px, pw, step, step, rounds)
	case impl == AVX512 && cols == 4 && rows == 2:
		dot2x4AVX512(py, px, pw, step, step, rounds)
	case impl == AVX512 && cols == 4:
		dot1x4AVX512(py, px, pw, step, step, rounds)
	case impl == AVX512 && rows == 4:
		dot4x1AVX512(py, px, pw, step, step, rounds)
	case impl == AVX512 && rows == 2:
		dot2x1AVX512(py, px, pw, step, step, rounds)
	case impl == AVX512:
		dot1x1AVX512(py, px, pw, step, step, rounds)
	case impl == AVX2 && cols == 4 && rows == 2:
		dot2x4AVX2(py, px, pw, step, step, rounds)
	case impl == AVX2 && cols == 4:
		dot1x4AVX2(py, px, pw, step, step, rounds)
	case impl == AVX2 && rows == 2:
		dot2x1AVX2(py, px, pw, step, step, rounds)
	case impl == AVX2:
		dot1x1AVX2(py, px, pw, step, step, rounds)
	default:
		return false
	}
	return true
}

// dotLines computes y[j] = x·w[j] over the first k/16·16 elements, for rows of w that follow each other, one for each
// element of y. It reports false where impl has no such function.
func dotLines(impl Impl, y, x, w []float32, k int) bool {
	py, px, pw := &y[0], &x[:k][0], &w[:len(y)*k][0]
	switch impl {
	case AVX512:
		dotLinesAVX512(py, px, pw, k*floatBytes, k/Block, len(y))
	case AVX2:
		dotLinesAVX2(py, px, pw, k*floatBytes, k/Block, len(y))
	default:
		return false
	}
	return true
}
