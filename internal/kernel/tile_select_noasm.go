//go:build !amd64 || noasm

package kernel

func (k tileKernel) run(a *tileArgs) { tileGeneric(a) }
