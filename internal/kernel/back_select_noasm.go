//go:build !amd64 || noasm

package kernel

func slope(_ Impl, a *slopeArgs) { slopeGeneric(a) }

func lrnGrad(Impl, *lrnGradArgs) {} // Generic is all there is
