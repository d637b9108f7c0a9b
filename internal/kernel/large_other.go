//go:build !linux

package kernel

func adviseLarge([]float32) {}
