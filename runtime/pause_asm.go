//go:build (amd64 || arm64) && !noasm

package runtime

// pause waits some dozens of cycles, in which the processor's other thread may work.
func pause()
