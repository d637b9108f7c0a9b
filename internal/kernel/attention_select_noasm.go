//go:build !amd64 || noasm

package kernel

func exponentials(_ Impl, n int, x []float32, step, blocks int, scale float32, factor []float32) {
	exponentialsGeneric(n, x, step, blocks, scale, factor)
}

func scalePixels(_ Impl, y []float32, step int, factor []float32) {
	scalePixelsGeneric(y, step, factor)
}
