//go:build unix

package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/importer"
)

// Ctrl-C while a large model is written leaves nothing beside it, without a next run, and the model whole or not there.
func TestInterruptedWhileWriting(t *testing.T) {
	stops := 1
	if os.Getenv("ONNXRUN_LONG") != "" {
		stops = 4
	}
	in := t.TempDir()
	large := filepath.Join(in, "large.onnx")
	ok(t, "new", "alexnet", "-o", large, "--quiet") // 240 MB
	for name, args := range map[string][]string{
		"label":    {"label", large, "--labels", "imagenet"},
		"optimize": {"optimize", large, "-O0", "--time", "0", "--verify", "random"},
	} {
		t.Run(name, func(t *testing.T) {
			written := 0
			for i := range stops {
				dir := t.TempDir()
				out := filepath.Join(dir, "out")
				require.NoError(t, os.Mkdir(out, 0o755))
				path := filepath.Join(out, "out.onnx")
				cmd, errOut := process(t, append(args, "-o", path)...)
				require.NoError(t, cmd.Start())
				for begin := time.Now(); !isBeingWritten(t, out) && time.Since(begin) < time.Minute; {
					time.Sleep(time.Millisecond)
				}
				time.Sleep(time.Duration(i) * 50 * time.Millisecond)
				require.NoError(t, cmd.Process.Signal(os.Interrupt))
				err := cmd.Wait()
				require.Empty(t, leftOver(t, dir), errOut)
				if _, lacks := os.Stat(path); lacks == nil {
					_, err := importer.Open(path)
					require.NoError(t, err)
					written++
				} else {
					require.Error(t, err)
					require.Contains(t, errOut.String(), "stopped")
				}
				os.Remove(path)
			}
			t.Logf("%d of %d were written to the end", written, stops)
		})
	}
}

// A terminal that is closed sends two hangups; who does not read standard output is not waited for once the file is there.
func TestHangupsAndNoReader(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	require.NoError(t, os.Mkdir(out, 0o755))
	path := filepath.Join(out, "out.onnx")
	cmd, errOut := process(t, "new", "alexnet", "-o", path, "--json")
	read, write, err := os.Pipe()
	require.NoError(t, err)
	defer read.Close()
	fill(t, write)
	cmd.Stdout = write
	require.NoError(t, cmd.Start())
	write.Close()
	for begin := time.Now(); !isBeingWritten(t, out) && time.Since(begin) < time.Minute; {
		time.Sleep(time.Millisecond)
	}
	for range 2 {
		require.NoError(t, cmd.Process.Signal(syscall.SIGHUP))
		time.Sleep(20 * time.Millisecond)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		cmd.Process.Kill()
		t.Fatal("does not end")
	}
	require.Equal(t, exitBad, cmd.ProcessState.ExitCode(), errOut)
	_, err = importer.Open(path)
	require.NoError(t, err)
	require.Empty(t, leftOver(t, dir))
}

// fill writes to a pipe until it takes no more.
func fill(t *testing.T, w *os.File) {
	for _, n := range []int{4096, 1} {
		for {
			require.NoError(t, w.SetWriteDeadline(time.Now().Add(50*time.Millisecond)))
			if _, err := w.Write(make([]byte, n)); err != nil {
				break
			}
		}
	}
	require.NoError(t, w.SetWriteDeadline(time.Time{}))
}

// For a pipe that nobody reads nobody waits.
func TestInterruptedAtAPipe(t *testing.T) {
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		pipe := filepath.Join(t.TempDir(), "pipe")
		require.NoError(t, syscall.Mkfifo(pipe, 0o600))
		cmd, errOut := process(t, "new", "lenet5", "-o", pipe)
		require.NoError(t, cmd.Start())
		time.Sleep(300 * time.Millisecond)
		begin := time.Now()
		require.NoError(t, cmd.Process.Signal(signal))
		require.Error(t, cmd.Wait())
		require.Less(t, time.Since(begin), 10*time.Second)
		require.Contains(t, errOut.String(), "stopped")
	}
}

// isBeingWritten reports whether a new file lies, as far as it is written, beside its place.
func isBeingWritten(t *testing.T, dir string) bool {
	for _, pattern := range []string{".onnxrun-*/new", ".onnxrun-*/*.onnx", ".onnxrun-*/.onnxrun-*/new"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		require.NoError(t, err)
		if len(found) > 0 {
			return true
		}
	}
	return false
}
