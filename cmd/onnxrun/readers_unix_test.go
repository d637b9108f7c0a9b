//go:build unix

package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/exporter"
	"github.com/onnxrun/onnxrun/importer"
)

// soon fails the test where a command waits for what never comes.
func soon(t *testing.T, args []string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		require.Fail(t, "waits for ever", "%v", args)
	}
}

// What is no file is not read, wherever a name of a file stands, and waiting is left to standard input.
func TestDevicesAndPipesAreNotRead(t *testing.T) {
	dir := t.TempDir()
	pipe := func(name string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o777))
		require.NoError(t, syscall.Mkfifo(path, 0o600))
		return path
	}
	link := func(name, to string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.Symlink(to, path))
		return path
	}
	g, err := importer.Open(lenet)
	require.NoError(t, err)
	external := filepath.Join(dir, "external.onnx")
	require.NoError(t, exporter.WriteFile(g, external, exporter.Options{ExternalData: true}))
	require.NoError(t, os.Remove(external+".data"))
	pipe("external.onnx.data")
	pipe("set/train-images-idx3-ubyte")
	pipe("tars/train.tar")
	pipe("case/model.onnx")
	pipe("images/0/a.png")
	list := filepath.Join(dir, "list.csv")
	require.NoError(t, os.WriteFile(list, []byte("a.png,7\n"), 0o600))
	pipe("a.png")
	p, zero := pipe("p"), "/dev/zero"
	for _, c := range []struct {
		want string
		args []string
	}{
		{"is a pipe", []string{"info", p}}, {"is a pipe", []string{"check", p}}, {"is a pipe", []string{p, seven}},
		{"is a device", []string{"info", zero}}, {"is a device", []string{lenet, zero}}, {"is a device", []string{lenet, link("zero.png", zero)}},
		{"is a pipe", []string{lenet, p}}, {"is a pipe", []string{"features", lenet, p, "--layer", "F6", "-o", filepath.Join(dir, "f.npy")}},
		{"is a pipe", []string{lenet, seven, "--labels", p}}, {"is a device", []string{lenet, seven, "--labels", zero}},
		{"is a pipe", []string{"run", lenet, "-i", pipe("x.npy"), "-o", dir}}, {"is a pipe", []string{"run", lenet, "-i", pipe("x.pb"), "-o", dir}},
		{"is a pipe", []string{"info", external}}, {"is a pipe", []string{"eval", lenet, pipe("x.csv")}}, {"is a pipe", []string{"eval", lenet, pipe("x.tar")}},
		{"is a pipe", []string{"eval", lenet, filepath.Join(dir, "set")}}, {"is a pipe", []string{"eval", lenet, filepath.Join(dir, "tars")}},
		{"is a pipe", []string{"eval", lenet, filepath.Join(dir, "images")}}, {"is a pipe", []string{"eval", lenet, list, "--strict-data"}},
		{"is a pipe", []string{"test", filepath.Join(dir, "case")}}, {"is a pipe", []string{"diff", lenet, lenet, "--on", list}},
		{"is a pipe", []string{"verify", lenet, "--on", filepath.Join(dir, "a.png")}},
		{"is a pipe", []string{"finetune", lenet, filepath.Join(dir, "tars"), "-o", filepath.Join(dir, "t.onnx")}},
		{"is a pipe", []string{"finetune", p, "../../testdata/digits.csv", "-o", filepath.Join(dir, "t.onnx")}},
	} {
		soon(t, c.args, func() {
			code, out, errOut := run(t, c.args...)
			require.NotZero(t, code, "%v: %s", c.args, out)
			require.Contains(t, out+errOut, c.want, "%v", c.args)
		})
	}
}

// A program that nobody listens to ends as other programs do: with the signal, or, where what is written to is no pipe of
// its own, with the number that shells have for it.
func TestClosedPipe(t *testing.T) {
	for _, args := range printing(t)[:10] {
		var errOut bytes.Buffer
		code := execute(context.Background(), args, strings.NewReader(""), failing{&os.PathError{Op: "write", Path: "|1", Err: syscall.EPIPE}}, &errOut)
		require.Equal(t, exitPipe, code, args)
		require.NotContains(t, errOut.String(), "pipe", args)
		require.NotContains(t, errOut.String(), "onnxrun: ", args)
	}
}

// What a process does with its own standard output.
func TestFullDiskAndClosedPipeOfAProcess(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "onnxrun")
	out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	if full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0); err == nil {
		defer full.Close()
		for _, args := range [][]string{{"info", lenet}, {"info", lenet, "--json"}, {"--help"}, {"completion", "bash"}} {
			cmd := exec.Command(bin, args...)
			var errOut bytes.Buffer
			cmd.Stdout, cmd.Stderr = full, &errOut
			var exit *exec.ExitError
			require.ErrorAs(t, cmd.Run(), &exit, args)
			require.Equal(t, exitBad, exit.ExitCode(), args)
			require.Equal(t, "onnxrun: standard output: no space left on device\n", errOut.String(), args)
		}
	}
	read, write, err := os.Pipe()
	require.NoError(t, err)
	read.Close()
	cmd := exec.Command(bin, "info", lenet)
	var errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = write, &errOut
	var exit *exec.ExitError
	require.ErrorAs(t, cmd.Run(), &exit)
	require.Equal(t, syscall.SIGPIPE, exit.Sys().(syscall.WaitStatus).Signal())
	require.Empty(t, errOut.String())
}
