//go:build !noasm

package kernel

import "runtime"

func nativeSets(*Set) []*Set { return nil }

// Processor tells processors apart for which other algorithms may be the fastest.
func Processor() string { return runtime.GOARCH }
