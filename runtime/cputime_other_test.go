//go:build !unix

package runtime_test

import (
	"testing"
	"time"
)

var began = time.Now()

// cpuTime is the time, where the system does not tell the process's own.
func cpuTime(*testing.T) time.Duration { return time.Since(began) }
