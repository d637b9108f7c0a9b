//go:build !amd64 || noasm

package kernel

func bestImpl() Impl { return Generic }
