//go:build !noasm

package kernel

import "unsafe"

func windowRegion(impl Impl, op slideOp, a *windowArgs) {
	p := (*byte)(unsafe.Pointer(a))
	switch {
	case impl == AVX512 && op == slideMax:
		windowMaxAVX512(p)
	case impl == AVX512 && op == slideSum:
		windowSumAVX512(p)
	case impl == AVX512:
		windowFMAAVX512(p)
	case impl == AVX2 && op == slideMax:
		windowMaxAVX2(p)
	case impl == AVX2 && op == slideSum:
		windowSumAVX2(p)
	case impl == AVX2:
		windowFMAAVX2(p)
	default:
		windowGeneric(op, a)
	}
}

// sumPlane sums the blocks of x.
func sumPlane(impl Impl, y *[Block]float32, x []float32) {
	n := len(x) / Block
	switch {
	case n == 0:
		*y = [Block]float32{}
	case impl == AVX512:
		planeSumAVX512(&y[0], &x[0], n)
	case impl == AVX2:
		planeSumAVX2(&y[0], &x[0], n)
	default:
		sumPlaneGeneric(y, x)
	}
}

// lrnPixel normalizes a pixel across blocks of channels that lie step floats apart, with exponent 3/4. squares holds the
// channels, with zeros enough for a window of size on both sides; its first channel is number pad.
func lrnPixel(impl Impl, y, x []float32, step, blocks int, squares []float32, pad, before, size int, bias, scale float32) {
	last := (blocks-1)*step + Block
	_, _, _ = y[:last], x[:last], squares[:pad+blocks*Block+size]
	switch impl {
	case AVX512:
		lrnPixelAVX512(&y[0], &x[0], step*floatBytes, blocks, &squares[pad], before*floatBytes, size, bias, scale)
	case AVX2:
		lrnPixelAVX2(&y[0], &x[0], step*floatBytes, blocks, &squares[pad], before*floatBytes, size, bias, scale)
	default:
		lrnPixelGeneric(y, x, step, blocks, squares, pad, before, size, bias, scale)
	}
}
