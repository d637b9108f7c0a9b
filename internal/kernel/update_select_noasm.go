//go:build !amd64 || noasm

package kernel

func updateBlocks(Impl, UpdateKind, *updateArgs) {} // Generic is all there is

func blockSquares(_ Impl, sums *[Block]float32, x []float32) { blockSquaresGeneric(sums, x) }
