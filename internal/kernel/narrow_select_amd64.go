//go:build !noasm

package kernel

import "unsafe"

func (k *narrowKernel) run(a *narrowArgs) {
	switch k.impl {
	case AVX512:
		narrowAVX512((*byte)(unsafe.Pointer(a)))
	case AVX2:
		narrowAVX2((*byte)(unsafe.Pointer(a)))
	default:
		narrowGeneric(k, a)
	}
}
