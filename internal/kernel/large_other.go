//go:build !linux

package kernel

// AdviseLarge does nothing: there is no such advice on this system.
func AdviseLarge([]byte) {}
