//go:build !noasm

package kernel

import "unsafe"

func gradTile(impl Impl, a *gradArgs) {
	switch impl {
	case AVX512:
		gradTileAVX512((*byte)(unsafe.Pointer(a)))
	case AVX2:
		gradTileAVX2((*byte)(unsafe.Pointer(a)))
	default:
		gradTileGeneric(a)
	}
}

func gradDepthwise(impl Impl, a *gradArgs) {
	switch impl {
	case AVX512:
		gradDepthwiseAVX512((*byte)(unsafe.Pointer(a)))
	case AVX2:
		gradDepthwiseAVX2((*byte)(unsafe.Pointer(a)))
	default:
		gradDepthwiseGeneric(a)
	}
}
