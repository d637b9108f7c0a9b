//go:build !amd64 || noasm

package kernel

func transposeSquares(Impl, []float32, []float32, int, int, int, int) (int, int) { return 0, 0 }
