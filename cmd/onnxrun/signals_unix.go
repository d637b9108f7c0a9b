//go:build unix

package main

import (
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// interrupts are the signals that end a command: SIGINT and SIGHUP not if it was started to ignore them, as in the background
// of a script or by nohup.
func interrupts() []os.Signal {
	list := []os.Signal{syscall.SIGTERM}
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			list = append(list, s)
		}
	}
	return list
}

// ignoreHangup is for when one has come: a terminal that is closed sends two, which are no second thought of anybody.
func ignoreHangup() { signal.Ignore(syscall.SIGHUP) }

// ignoreSignals lets a write beyond the limit of file sizes be an error, as one to a full disk is.
func ignoreSignals() { signal.Ignore(syscall.SIGXFSZ) }

// isClosedPipe reports whether nobody reads what is written any more.
func isClosedPipe(err error) bool { return errors.Is(err, syscall.EPIPE) }
