package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Ctrl-C ends a command soon, whatever it is at, with one line and no stack.
func TestInterruptedCommands(t *testing.T) {
	dir := t.TempDir()
	model := filepath.Join(dir, "resnet18.onnx")
	ok(t, "new", "resnet18", "-o", model)
	for name, args := range map[string][]string{
		"bench":    {"bench", model, "--time", "1m", "--batch", "16"},
		"generic":  {"bench", model, "--time", "1m", "--kernels", "generic", "--threads", "1"},
		"diff":     {"diff", model, model, "--batch", "16"},
		"optimize": {"optimize", model, "-o", filepath.Join(dir, "out.onnx"), "--time", "1m", "--verify", "random"},
	} {
		t.Run(name, func(t *testing.T) {
			var times []time.Duration
			for i := range 5 {
				cmd, errOut := process(t, args...)
				require.NoError(t, cmd.Start())
				time.Sleep(time.Duration(300+i*150) * time.Millisecond)
				begin := time.Now()
				if cmd.Process.Signal(os.Interrupt) != nil || cmd.Wait() == nil {
					continue // it had come to its end
				}
				times = append(times, time.Since(begin))
				require.Equal(t, exitBad, cmd.ProcessState.ExitCode(), errOut)
				require.Contains(t, errOut.String(), "onnxrun: stopped\n")
				require.NotContains(t, errOut.String(), "goroutine")
				require.NoFileExists(t, filepath.Join(dir, "out.onnx"))
			}
			if len(times) > 0 {
				slices.Sort(times)
				t.Log(times)
				require.Less(t, times[len(times)/2], 250*time.Millisecond, "on a machine with other work; alone it takes less than 100 ms")
			}
		})
	}
}
