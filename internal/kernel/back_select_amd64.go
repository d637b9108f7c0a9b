//go:build !noasm

package kernel

import "unsafe"

func slope(impl Impl, a *slopeArgs) {
	switch impl {
	case AVX512:
		slopeAVX512((*byte)(unsafe.Pointer(a)))
	case AVX2:
		slopeAVX2((*byte)(unsafe.Pointer(a)))
	default:
		slopeGeneric(a)
	}
}

// lrnGrad computes one pixel; impl is not Generic.
func lrnGrad(impl Impl, a *lrnGradArgs) {
	if impl == AVX512 {
		lrnGradAVX512((*byte)(unsafe.Pointer(a)))
	} else {
		lrnGradAVX2((*byte)(unsafe.Pointer(a)))
	}
}
