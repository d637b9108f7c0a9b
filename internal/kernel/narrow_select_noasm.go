//go:build !amd64 || noasm

package kernel

func (k *narrowKernel) run(a *narrowArgs) { narrowGeneric(k, a) }
