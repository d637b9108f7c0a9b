//go:build !noasm

package kernel

// exponentials is exponentialsGeneric for 1 or softmaxPixels pixels.
func exponentials(impl Impl, n int, x []float32, step, blocks int, scale float32, factor []float32) {
	if impl == Generic {
		exponentialsGeneric(n, x, step, blocks, scale, factor)
		return
	}
	_, _ = x[:(blocks-1)*step+n*Block], factor[:n]
	bytes := step * floatBytes
	switch {
	case impl == AVX512 && n == 1:
		vecSoftmax1AVX512(&x[0], bytes, blocks, scale, &factor[0])
	case impl == AVX512:
		vecSoftmax4AVX512(&x[0], bytes, blocks, scale, &factor[0])
	case n == 1:
		vecSoftmax1AVX2(&x[0], bytes, blocks, scale, &factor[0])
	default:
		vecSoftmax4AVX2(&x[0], bytes, blocks, scale, &factor[0])
	}
}

// scalePixels multiplies pixels, which lie step apart, by a factor each.
func scalePixels(impl Impl, y []float32, step int, factor []float32) {
	n := len(factor)
	if impl == Generic || n == 0 {
		scalePixelsGeneric(y, step, factor)
		return
	}
	_ = y[:(n-1)*step+Block]
	if impl == AVX512 {
		vecPixelScaleAVX512(&y[0], step*floatBytes, n, &factor[0])
	} else {
		vecPixelScaleAVX2(&y[0], step*floatBytes, n, &factor[0])
	}
}
