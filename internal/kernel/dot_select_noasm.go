//go:build !amd64 || noasm

package kernel

func dots(Impl, []float32, []float32, []float32, int, int, int) bool { return false }

func dotLines(Impl, []float32, []float32, []float32, int) bool { return false }
