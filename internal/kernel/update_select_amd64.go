//go:build !noasm

package kernel

import "unsafe"

// updateBlocks computes the blocks that a describes; impl is not Generic.
func updateBlocks(impl Impl, kind UpdateKind, a *updateArgs) {
	p := (*byte)(unsafe.Pointer(a))
	wide := impl == AVX512
	switch {
	case kind == Descent && wide:
		descentAVX512(p)
	case kind == Descent:
		descentAVX2(p)
	case kind == Momentum && wide:
		momentumAVX512(p)
	case kind == Momentum:
		momentumAVX2(p)
	case kind == Nesterov && wide:
		nesterovAVX512(p)
	case kind == Nesterov:
		nesterovAVX2(p)
	case wide:
		adamAVX512(p)
	default:
		adamAVX2(p)
	}
}

// blockSquares sums the squares of whole blocks, at least one.
func blockSquares(impl Impl, sums *[Block]float32, x []float32) {
	switch impl {
	case AVX512:
		squaresAVX512(&sums[0], &x[0], len(x)/Block)
	case AVX2:
		squaresAVX2(&sums[0], &x[0], len(x)/Block)
	default:
		blockSquaresGeneric(sums, x)
	}
}
