//go:build unix

package main

import (
	"errors"
	"os/signal"
	"syscall"
)

// ignoreSignals lets a write beyond the limit of file sizes be an error, as one to a full disk is.
func ignoreSignals() { signal.Ignore(syscall.SIGXFSZ) }

// isClosedPipe reports whether nobody reads what is written any more.
func isClosedPipe(err error) bool { return errors.Is(err, syscall.EPIPE) }
