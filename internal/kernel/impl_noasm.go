//go:build !amd64 || noasm

package kernel

import "runtime"

func bestImpl() Impl { return Generic }

// Processor tells processors apart for which other algorithms may be the fastest.
func Processor() string { return runtime.GOARCH }
