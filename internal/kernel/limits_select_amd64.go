//go:build !noasm

package kernel

import "unsafe"

func limitFMA(impl Impl, rounds int) {
	switch impl {
	case AVX512:
		limitFMAAVX512(rounds)
	case AVX2:
		limitFMAAVX2(rounds)
	default:
		limitFMAGeneric(rounds)
	}
}

// flopsPerRound is the operations of a round of limitFMA.
func flopsPerRound(impl Impl) int {
	switch impl {
	case AVX512:
		return 24 * 16 * 2
	case AVX2:
		return 12 * 8 * 2
	}
	return 16 * 2
}

func limitRead(impl Impl, p []float32) {
	first, rounds := (*byte)(unsafe.Pointer(unsafe.SliceData(p))), len(p)*floatBytes/512
	switch {
	case rounds == 0:
	case impl == AVX512:
		limitReadAVX512(first, rounds)
	case impl == AVX2:
		limitReadAVX2(first, rounds)
	default:
		limitReadGeneric(p)
	}
}
