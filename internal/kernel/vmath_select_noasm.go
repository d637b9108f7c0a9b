//go:build !amd64 || noasm

package kernel

func vectorUnary(Impl, UnaryOp, float32, float32, []float32, []float32) bool { return false }
func vectorBinary(Impl, BinaryOp, []float32, []float32, []float32) bool      { return false }
func vectorAffine(Impl, []float32, []float32, float32, float32) bool         { return false }

// Without assembly there is but Generic, for which the functions below are not called.

func rowMax(Impl, []float32) float32                          { panic("kernel: no vectors") }
func rowSum(Impl, []float32) float32                          { panic("kernel: no vectors") }
func rowSquares(Impl, []float32, float32) float32             { panic("kernel: no vectors") }
func rowExp(Impl, []float32, []float32, float32) float32      { panic("kernel: no vectors") }
func rowNormalize(_ Impl, _, _, _, _ []float32, _, _ float32) { panic("kernel: no vectors") }
