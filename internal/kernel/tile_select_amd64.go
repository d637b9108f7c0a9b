//go:build !noasm

package kernel

import "unsafe"

func (k tileKernel) run(a *tileArgs) {
	switch k.impl {
	case AVX512:
		tileAVX512((*byte)(unsafe.Pointer(a)))
	case AVX2:
		tileAVX2((*byte)(unsafe.Pointer(a)))
	default:
		tileGeneric(a)
	}
}
