//go:build unix

package runtime_test

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/runtime"
)

// cpuTime is what the process has used of the processors.
func cpuTime(t *testing.T) time.Duration {
	var u syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// An idle session leaves the processors to others.
func TestIdleSessionsSleep(t *testing.T) {
	s := lenet(t, runtime.Options{Threads: 4})
	in := digitInputs(t)[:1]
	least := time.Hour // of several tries: the garbage collector may have something to do
	for range 5 {
		_, err := s.Run(context.Background(), in...)
		require.NoError(t, err)
		before := cpuTime(t)
		time.Sleep(100 * time.Millisecond)
		if least = min(least, cpuTime(t)-before); least < 3*time.Millisecond {
			return
		}
	}
	t.Errorf("%v of 100ms", least)
}
