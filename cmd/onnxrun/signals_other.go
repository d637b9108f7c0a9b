//go:build !unix

package main

import (
	"errors"
	"os"
	"syscall"
)

func interrupts() []os.Signal { return []os.Signal{os.Interrupt, syscall.SIGTERM} }

func ignoreHangup() {}

func ignoreSignals() {}

// The numbers of Windows for a pipe whose other end is closed.
const (
	errorBrokenPipe = syscall.Errno(109)
	errorNoData     = syscall.Errno(232)
)

// isClosedPipe reports whether nobody reads what is written any more.
func isClosedPipe(err error) bool {
	return errors.Is(err, errorBrokenPipe) || errors.Is(err, errorNoData)
}
