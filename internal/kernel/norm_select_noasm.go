//go:build !amd64 || noasm

package kernel

func normSums(_ Impl, n int, y *[normPixels * Block]float32, x []float32, step, blocks int) {
	normSumsGeneric(n, y, x, step, blocks)
}

func normSquares(_ Impl, n int, y *[normPixels * Block]float32, x []float32, step, blocks int, mean *[normPixels]float32) {
	normSquaresGeneric(n, y, x, step, blocks, mean)
}

func normApply(_ Impl, n int, y, x []float32, step, blocks int, mean, factor *[normPixels]float32, scale, shift []float32) {
	normApplyGeneric(n, y, x, step, blocks, mean, factor, scale, shift)
}
