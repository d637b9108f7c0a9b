package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/exporter"
	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/zoo"
)

// piped runs a command with a file as standard input.
func piped(t *testing.T, path string, args ...string) (code int, out string) {
	in, err := os.Open(path)
	require.NoError(t, err)
	defer in.Close()
	var o, e bytes.Buffer
	code = execute(context.Background(), args, in, &o, &e)
	return code, o.String() + e.String()
}

// A model that comes by standard input gives the same answers as from its file, its proof is one, and nobody touches its
// weights.
func TestStandardInputIsAsTheFile(t *testing.T) {
	dir := t.TempDir()
	model, a, b := filepath.Join(dir, "m.onnx"), filepath.Join(dir, "a.onnx"), filepath.Join(dir, "b.onnx")
	g, err := zoo.Build("resnet20", zoo.Options{Seed: 5})
	require.NoError(t, err)
	require.NoError(t, exporter.WriteFile(g, model, exporter.Options{}))

	ok(t, "optimize", model, "-o", a, "--verify", "random", "--time", "10ms")
	code, out := piped(t, model, "optimize", "-", "-o", b, "--verify", "random", "--time", "10ms")
	require.Zero(t, code, out)
	require.Equal(t, read(t, a), read(t, b))
	require.Contains(t, ok(t, "diff", model, b), "top-1 agreement 100 %")
	code, out = piped(t, model, "diff", "-", b)
	require.Zero(t, code, out)
	code, out = piped(t, model, "verify", "-")
	require.Zero(t, code, out)
	require.Equal(t, ok(t, "verify", model), out)
	code, out = piped(t, model, "check", "-")
	require.Zero(t, code, out)
	require.Equal(t, ok(t, "check", model), out)
	ok(t, "optimize", model, "-o", filepath.Join(dir, "c.onnx"), "-d", "check", "--time", "0")
}

// What was verified is what is written: the same bytes as without verification, those of the weights too.
func TestVerifiedBytesAreWritten(t *testing.T) {
	dir := t.TempDir()
	plain, proven := filepath.Join(dir, "plain", "m.onnx"), filepath.Join(dir, "proven", "m.onnx")
	for path, verify := range map[string][]string{plain: nil, proven: {"--verify", "random"}} {
		require.NoError(t, os.Mkdir(filepath.Dir(path), 0o777))
		ok(t, append([]string{"optimize", lenet, "-o", path, "--external-data", "--time", "0"}, verify...)...)
		entries, err := os.ReadDir(filepath.Dir(path))
		require.NoError(t, err)
		require.Len(t, entries, 2)
	}
	require.Equal(t, read(t, plain), read(t, proven))
	require.Equal(t, read(t, plain+exporter.DataSuffix), read(t, proven+exporter.DataSuffix))
	ok(t, "check", proven)
}

// The original is the model that was opened, and no other that has its name by now.
func TestReplacedOriginalIsNoWitness(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.onnx")
	require.NoError(t, os.WriteFile(path, read(t, lenet), 0o644))
	src, err := (&app{}).source(path)
	require.NoError(t, err)
	_, err = src.again()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path+"2", read(t, lenet), 0o644))
	require.NoError(t, os.Rename(path+"2", path))
	_, err = src.again()
	require.ErrorContains(t, err, path+" has changed while it was in use")
	require.NoError(t, os.Remove(path))
	_, err = src.again()
	require.ErrorContains(t, err, path+" has changed while it was in use")
}

// A model file that is cut or written to while it is in use is an error that names it; one that is deleted is still there
// for who has it open.
func TestModelsThatChangeInUse(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the system refuses such changes of a mapped file")
	}
	g, err := ir.Parse(`graph "large" opset 21 (%x: float32[1,4096]) -> (%z) {
  %a: float32[4096,1152] = const splat(0.5)
  %b: float32[1152,4096] = const splat(0.25)
  %y = MatMul(%x, %a) "first"
  %z = MatMul(%y, %b) "second"
}`, ops.Lookup)
	require.NoError(t, err)
	overwrite := func(path string) error {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = f.WriteAt(make([]byte, 1<<20), 30<<20)
		return err
	}
	for name, c := range map[string]struct {
		change func(string) error
		want   string // in what is printed
		code   int
	}{
		"truncated":   {func(p string) error { return os.Truncate(p, 4096) }, "has changed while it was in use: it had", exitBad},
		"overwritten": {overwrite, "has changed while it was in use: it was written to", exitBad},
		"deleted":     {os.Remove, "median", exitDone},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "large.onnx")
			require.NoError(t, exporter.WriteFile(g, path, exporter.Options{}))
			past := time.Now().Add(-time.Hour)
			require.NoError(t, os.Chtimes(path, past, past))
			before, err := importer.Open(path) // outlives the change, too
			require.NoError(t, err)
			changed := time.AfterFunc(600*time.Millisecond, func() {
				if err := c.change(path); err != nil {
					panic(err)
				}
			})
			defer changed.Stop()
			code, out, errOut := run(t, "bench", path, "--time", "1500ms")
			require.Equal(t, c.code, code, out+errOut)
			require.Contains(t, out+errOut, c.want)
			if c.code == exitBad {
				require.Contains(t, errOut, path)
				require.Equal(t, 1, strings.Count(errOut, "\n"), errOut)
			}
			runtime.KeepAlive(before)
		})
	}
}
