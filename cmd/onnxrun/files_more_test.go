//go:build unix

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/tensor"
)

// A whole model goes to standard output, be it a file or a pipe, and all else that there is to say to standard error.
func TestModelToStandardOutput(t *testing.T) {
	for _, args := range [][]string{
		{"label", lenet, "--labels", "digits"}, {"new", "lenet5"}, {"optimize", lenet, "--verify", "random", "--time", "0"},
		{"label", lenet, "--labels", "digits", "--json"},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "m.onnx")
		ok(t, append(args, "-o", path)...)
		want := read(t, path)
		require.NoError(t, os.WriteFile(path, nil, 0o644))
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		require.NoError(t, err)
		cmd, errOut := process(t, append(args, "-o", "/dev/stdout")...)
		cmd.Stdout = f
		require.NoError(t, cmd.Run(), errOut)
		require.NoError(t, f.Close())
		require.True(t, bytes.Equal(want, read(t, path)), "the file is another")
		require.NotEmpty(t, errOut.String())
		holds(t, dir, "m.onnx")

		cmd, errOut = process(t, append(args, "-o", "/dev/fd/1")...)
		piped, err := cmd.Output()
		require.NoError(t, err, errOut)
		require.True(t, bytes.Equal(want, piped), "what came through the pipe is another")
	}
}

// Weights of their own go with a model that is a file.
func TestExternalDataOfDevice(t *testing.T) {
	for _, args := range [][]string{{"new", "lenet5"}, {"label", lenet, "--labels", "digits"}, {"optimize", lenet, "--time", "0"}} {
		code, _, errOut := run(t, append(args, "-o", "/dev/null", "--external-data")...)
		require.Equal(t, exitBad, code)
		require.Contains(t, errOut, "/dev/null is a device or a pipe: weights in a file of their own (external data) go with a model that is a file")
		require.NoFileExists(t, "/dev/null.data")
	}
}

// Two outputs of a command in one file are refused, under whatever names.
func TestOutputsAreDistinct(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	data, model := shapes(t, at("shapes"), 3, "bar", "cross", "disc"), modelFile(t, dir, "tiny.onnx", tinyText)
	require.NoError(t, os.Symlink("o.html", at("link.html")))
	require.NoError(t, os.Symlink(".", at("same")))
	require.NoError(t, os.Symlink("target", at("w.png")))
	require.NoError(t, os.Symlink("same/target", at("c.png")))
	x := npy(t, dir, tensor.New(tensor.Float32, 1, 2))
	twins := modelFile(t, dir, "twins.onnx", `graph "twins" opset 21 (%x: float32[1,2]) -> (%"a/b", %"a:b") {
  %"a/b" = Relu(%x) "one"
  %"a:b" = Neg(%x) "other"
}`)
	for want, args := range map[string][]string{
		"-o and --report are one file":  {"optimize", lenet, "-o", at("o.html"), "--report", at("link.html"), "--time", "0"},
		"-o and --log are one file":     {"train", model, data, "-o", at("out.onnx"), "--log", at("same/out.onnx")},
		"--confusion and --worst are":   {"eval", model, data, "--confusion", at("c.png"), "--worst", at("w.png")},
		"its weights and --report are":  {"optimize", lenet, "-o", at("r"), "--external-data", "--report", at("data.html")},
		`output "a/b" and output "a:b"`: {"run", twins, "-i", x, "-o", at("new")},
	} {
		if strings.HasPrefix(want, "its") {
			require.NoError(t, os.Symlink("data.html", at("r.data")))
		}
		code, out, errOut := run(t, args...)
		require.Equal(t, exitBad, code, errOut)
		require.Empty(t, out)
		require.Contains(t, errOut, want)
	}
	require.NoDirExists(t, at("new"))
}

// A run that goes on writes over its own checkpoint, log and curves, and over nothing else.
func TestResumeOverwritesItsOwn(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	data, model := shapes(t, at("shapes"), 3, "bar", "cross", "disc"), modelFile(t, dir, "tiny.onnx", tinyText)
	args := []string{"train", model, data, "-o", at("out.onnx"), "--epochs", "1", "--batch", "8", "--quiet"}
	image := at("shapes/bar/000.png")
	before := read(t, image)
	for _, name := range []string{"out.onnx", "out.checkpoint.onnx", "out.jsonl", "out.png"} {
		preciousFile(t, at(name), 0o644)
		code, _, errOut := run(t, args...)
		require.Equal(t, exitBad, code)
		require.Contains(t, errOut, at(name)+" exists; --force overwrites it")
		require.Equal(t, strings.Contains(name, "checkpoint"), strings.Contains(errOut, "; --resume goes on from it"))
		require.Equal(t, precious, string(read(t, at(name))))
		require.NoError(t, os.Remove(at(name)))
	}
	require.NoError(t, os.Symlink(image, at("link.png")))
	require.NoError(t, os.Symlink(model, at("link.jsonl")))
	for flag, name := range map[string]string{"--curves": "link.png", "--log": "link.jsonl"} {
		code, _, errOut := run(t, append(args, "--resume", flag, at(name))...)
		require.Equal(t, exitBad, code)
		require.Contains(t, errOut, at(name)+" exists; --force overwrites it (it is read too: ")
	}
	require.Equal(t, before, read(t, image))
	preciousFile(t, at("out.jsonl"), 0o644)
	preciousFile(t, at("out.png"), 0o644)
	ok(t, append(args, "--resume")...)
	require.NotEqual(t, precious, string(read(t, at("out.jsonl"))))
	code, _, errOut := run(t, append(args, "--resume")...)
	require.Equal(t, exitBad, code)
	require.Contains(t, errOut, at("out.onnx")+" exists; --force overwrites it\n")
}

// A checkpoint that is a link to another disk is removed there; the link stays.
func TestCheckpointBehindLink(t *testing.T) {
	dir, args := teaching(t)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "disk"), 0o755))
	link := filepath.Join(dir, "out.checkpoint.onnx")
	require.NoError(t, os.Symlink("disk/kept.onnx", link))
	ok(t, args...)
	holds(t, filepath.Join(dir, "disk"))
	require.NotZero(t, modeOf(t, link)&os.ModeSymlink)
}

// A model that is taught goes to a pipe, and nothing is made beside it.
func TestTeachToPipe(t *testing.T) {
	dir, args := teaching(t)
	pipe := filepath.Join(dir, "pipe")
	require.NoError(t, unix.Mkfifo(pipe, 0o600))
	args[4] = pipe
	cat := exec.Command("cat", pipe)
	var got bytes.Buffer
	cat.Stdout = &got
	require.NoError(t, cat.Start())
	ok(t, args...)
	require.NoError(t, cat.Wait())
	_, err := importer.Read(&got)
	require.NoError(t, err)
	holds(t, dir, "pipe", "shapes", "tiny.onnx")
	code, _, errOut := run(t, append(args, "--resume")...)
	require.Equal(t, exitBad, code)
	require.Contains(t, errOut, "--resume: "+pipe+" is no file that a checkpoint stands beside")
}

// A log that cannot be written is an error, though the model is written.
func TestLogToFullDevice(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("/dev/full is a device of Linux")
	}
	dir, args := teaching(t)
	code, _, errOut := run(t, append(args, "--log", "/dev/full")...)
	require.Equal(t, exitBad, code)
	require.Equal(t, "onnxrun: "+filepath.Join(dir, "out.onnx")+" is written, but not what goes with it: --log: write /dev/full: no space left on device\n", errOut)
	require.FileExists(t, filepath.Join(dir, "out.onnx"))
}
