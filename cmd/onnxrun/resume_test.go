package main

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// asProgram lets the test's own binary be the program, so that a test can have processes of it.
const asProgram = "ONNXRUN_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// process is the program as a process of its own.
func process(t testing.TB, args ...string) (cmd *exec.Cmd, errOut *bytes.Buffer) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd, errOut = exec.Command(self, args...), &bytes.Buffer{}
	cmd.Env = append(os.Environ(), asProgram+"=1")
	cmd.Stderr = errOut
	return cmd, errOut
}

// runs are trainings in which all state matters: statistics, dropout, augmentation, what optimizers keep, the best weights.
var runs = map[string][]string{
	"momentum": {"--epochs", "4", "--batch", "8", "--last", "--val-fraction", "0", "--augment", "crop:1,flip,color,mixup", "--schedule", "one-cycle"},
	"adamw": {"--epochs", "4", "--batch", "8", "--optimizer", "adamw", "--rate", "0.01", "--val-fraction", "0.3", "--augment", "affine,erase",
		"--schedule", "cosine", "--warmup", "1", "--clip", "1", "--balanced", "--label-smoothing", "0.1"},
}

// A run that is killed at random moments, also while its checkpoint is written, and goes on each time, ends in the same file
// as one that is not.
func TestKilledAndResumed(t *testing.T) {
	kills := 3
	if os.Getenv("ONNXRUN_LONG") != "" {
		kills = 20
	}
	data, model := shapes(t, filepath.Join(t.TempDir(), "shapes"), 30, "bar", "cross", "disc"), modelFile(t, t.TempDir(), "tiny.onnx", tinyText)
	for name, flags := range runs {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			args := func(out string) []string {
				return append([]string{"train", model, data, "-o", filepath.Join(dir, name+out), "--seed", "3", "--threads", "2"}, flags...)
			}
			whole, errOut := process(t, args("-whole.onnx")...)
			begin := time.Now()
			require.NoError(t, whole.Run(), errOut)
			took := time.Since(begin)
			out := filepath.Join(dir, name+"-killed.onnx")
			rng := rand.New(rand.NewPCG(8, uint64(len(name))))
			resumed := 0
			for killed := 0; ; {
				cmd, errOut := process(t, append(args("-killed.onnx"), "--resume", "--force", "--checkpoint-every", "1ns")...)
				require.NoError(t, cmd.Start())
				if killed < kills {
					timer := time.AfterFunc(time.Duration(rng.Int64N(int64(took)*3/2)), func() { cmd.Process.Kill() })
					defer timer.Stop()
				}
				err := cmd.Wait()
				if strings.Contains(errOut.String(), "goes on from ") {
					resumed++
				}
				if err == nil && killed >= kills {
					break
				} else if err == nil { // done too early: once more, from the beginning
					require.NoError(t, os.Remove(out))
					continue
				}
				status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
				require.True(t, status.Signaled(), errOut)
				killed++
			}
			require.True(t, bytes.Equal(read(t, filepath.Join(dir, name+"-whole.onnx")), read(t, out)))
			require.GreaterOrEqual(t, resumed, kills/3)
			left, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Len(t, left, 6, "two models, logs and curves: nothing of what was begun and not ended")
		})
	}
}

// Ctrl-C leaves a checkpoint, says how to go on, and the run that goes on ends in the same file.
func TestInterrupted(t *testing.T) {
	dir := t.TempDir()
	data, model := shapes(t, filepath.Join(dir, "shapes"), 30, "bar", "cross", "disc"), modelFile(t, dir, "tiny.onnx", tinyText)
	args := func(out string) []string {
		return []string{"train", model, data, "-o", filepath.Join(dir, out), "--epochs", "12", "--batch", "8", "--augment", "flip"}
	}
	ok(t, args("whole.onnx")...)
	cmd, errOut := process(t, args("stopped.onnx")...)
	require.NoError(t, cmd.Start())
	log := filepath.Join(dir, "stopped.jsonl")
	require.Eventually(t, func() bool { _, err := os.Stat(log); return err == nil }, time.Minute, time.Millisecond)
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	var exit *exec.ExitError
	require.True(t, errors.As(cmd.Wait(), &exit), errOut)
	require.Equal(t, exitNo, exit.ExitCode(), errOut)
	checkpoint := filepath.Join(dir, "stopped.checkpoint.onnx")
	require.True(t, strings.HasSuffix(errOut.String(), "stopped; "+checkpoint+" has all that there is so far. The same command with --resume goes on from there.\n"), errOut)
	require.FileExists(t, checkpoint)
	require.NoFileExists(t, filepath.Join(dir, "stopped.onnx"))

	code, _, text := run(t, append(args("stopped.onnx"), "--resume")...)
	require.Zero(t, code, text)
	require.Contains(t, text, "goes on from "+checkpoint+": epoch ")
	require.True(t, bytes.Equal(read(t, filepath.Join(dir, "whole.onnx")), read(t, filepath.Join(dir, "stopped.onnx"))))
	require.NoFileExists(t, checkpoint)
}
