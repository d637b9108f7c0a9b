//go:build unix

package main

import (
	"os/signal"
	"syscall"
)

// ignoreSignals lets a write beyond the limit of file sizes be an error, as one to a full disk is.
func ignoreSignals() { signal.Ignore(syscall.SIGXFSZ) }
