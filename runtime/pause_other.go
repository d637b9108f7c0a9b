//go:build !(amd64 || arm64) || noasm

package runtime

// pause waits some dozens of cycles.
func pause() {
	for range 32 {
	}
}
