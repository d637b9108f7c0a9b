//go:build !noasm

package kernel

func normSums(impl Impl, n int, y *[normPixels * Block]float32, x []float32, step, blocks int) {
	switch {
	case impl == AVX512 && n == 1:
		normSums1AVX512(&y[0], &x[0], step*floatBytes, blocks)
	case impl == AVX512:
		normSums4AVX512(&y[0], &x[0], step*floatBytes, blocks)
	case impl == AVX2 && n == 1:
		normSums1AVX2(&y[0], &x[0], step*floatBytes, blocks)
	case impl == AVX2:
		normSums4AVX2(&y[0], &x[0], step*floatBytes, blocks)
	default:
		normSumsGeneric(n, y, x, step, blocks)
	}
}

func normSquares(impl Impl, n int, y *[normPixels * Block]float32, x []float32, step, blocks int, mean *[normPixels]float32) {
	switch {
	case impl == AVX512 && n == 1:
		normSquares1AVX512(&y[0], &x[0], step*floatBytes, blocks, &mean[0])
	case impl == AVX512:
		normSquares4AVX512(&y[0], &x[0], step*floatBytes, blocks, &mean[0])
	case impl == AVX2 && n == 1:
		normSquares1AVX2(&y[0], &x[0], step*floatBytes, blocks, &mean[0])
	case impl == AVX2:
		normSquares4AVX2(&y[0], &x[0], step*floatBytes, blocks, &mean[0])
	default:
		normSquaresGeneric(n, y, x, step, blocks, mean)
	}
}

func normApply(impl Impl, n int, y, x []float32, step, blocks int, mean, factor *[normPixels]float32, scale, shift []float32) {
	bytes := step * floatBytes
	switch {
	case impl == AVX512 && n == 1:
		normApply1AVX512(&y[0], &x[0], bytes, blocks, &mean[0], &factor[0], &scale[0], &shift[0])
	case impl == AVX512:
		normApply4AVX512(&y[0], &x[0], bytes, blocks, &mean[0], &factor[0], &scale[0], &shift[0])
	case impl == AVX2 && n == 1:
		normApply1AVX2(&y[0], &x[0], bytes, blocks, &mean[0], &factor[0], &scale[0], &shift[0])
	case impl == AVX2:
		normApply4AVX2(&y[0], &x[0], bytes, blocks, &mean[0], &factor[0], &scale[0], &shift[0])
	default:
		normApplyGeneric(n, y, x, step, blocks, mean, factor, scale, shift)
	}
}
