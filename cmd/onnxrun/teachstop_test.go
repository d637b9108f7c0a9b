package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/teach"
)

// teaching is a folder with a data set and the model, and a command line that teaches it quickly.
func teaching(t *testing.T) (dir string, args []string) {
	t.Helper()
	dir = t.TempDir()
	data, model := shapes(t, filepath.Join(dir, "shapes"), 8, "bar", "cross", "disc"), modelFile(t, dir, "tiny.onnx", tinyText)
	return dir, []string{"train", model, data, "-o", filepath.Join(dir, "out.onnx"), "--epochs", "3", "--batch", "8", "--augment", "none", "--quiet"}
}

// Images that cannot be read are named once, and counted at the end; with --strict-data the first ends the run.
func TestTeachBrokenImages(t *testing.T) {
	dir, args := teaching(t)
	for i, name := range []string{"shapes/bar/x.png", "shapes/disc/y.jpg"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), shape("bar", i)[:100], 0o644))
	}
	args = args[:len(args)-1] // not quiet
	code, out, errOut := run(t, args...)
	require.Zero(t, code, errOut)
	require.Contains(t, out, "out.onnx  epoch ")
	for _, want := range []string{`  vision: "bar/x.png": a damaged PNG image`, `  vision: "disc/y.jpg": a damaged PNG image`, "images that could not be read, in whose places others stood: 2\n"} {
		require.Equal(t, 1, strings.Count(errOut, want), "%s in %s", want, errOut)
	}
	require.NoError(t, os.Remove(filepath.Join(dir, "out.onnx")))
	code, _, errOut = run(t, append(args, "--strict-data", "--quiet", "--force")...)
	require.Equal(t, exitBad, code)
	require.Regexp(t, `^onnxrun: vision: "(bar/x.png|disc/y.jpg)": a damaged PNG image[^\n]*\n$`, errOut)
	require.NoFileExists(t, filepath.Join(dir, "out.onnx"))
}

// A loss that is not finite ends the run, which names step, rate and node; the checkpoint of before stays, and is a model.
func TestLossNotFinite(t *testing.T) {
	dir, args := teaching(t)
	code, _, errOut := run(t, append(args, "--rate", "1e30", "--checkpoint-every", "1ns")...)
	require.Equal(t, exitBad, code)
	checkpoint := filepath.Join(dir, "out.checkpoint.onnx")
	want := `^onnxrun: train: step \d: numbers that are not finite, first those of (node|value) "[\w/]+"( \(\w+\))?; the learning rate is \d\.?\d*e\+\d\d: ` +
		`try a smaller one, or clipping(; ` + regexp.QuoteMeta(checkpoint) + ` is the model as it was before)?\n$`
	require.Regexp(t, want, errOut)
	require.NoFileExists(t, filepath.Join(dir, "out.onnx"))

	require.Contains(t, errOut, "is the model as it was before")
	for name, w := range weightsOf(t, checkpoint) {
		for _, v := range w {
			require.False(t, v != v || v-v != 0, "%s has %v", name, v)
		}
	}
}

// What a run cannot go on from is told, and stays as it is.
func TestCheckpointsOfOthers(t *testing.T) {
	dir, args := teaching(t)
	checkpoint := filepath.Join(dir, "out.checkpoint.onnx")
	cmd, errOut := process(t, append(args, "--epochs", "1000", "--checkpoint-every", "1ns")...)
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool { _, err := os.Stat(checkpoint); return err == nil }, 60e9, 1e6, errOut)
	require.NoError(t, cmd.Process.Kill())
	cmd.Wait()
	good := read(t, checkpoint)
	// It can be taught on, as any model.
	require.NoError(t, os.WriteFile(filepath.Join(dir, "good.onnx"), good, 0o644))
	ok(t, "finetune", filepath.Join(dir, "good.onnx"), args[2], "-o", filepath.Join(dir, "on.onnx"), "--keep-head", "--epochs", "1", "--quiet")
	g, err := importer.Open(filepath.Join(dir, "on.onnx"))
	require.NoError(t, err)
	_, is := g.Meta("onnxrun.checkpoint")
	require.False(t, is)
	for name := range weightsOf(t, filepath.Join(dir, "on.onnx")) {
		require.NotContains(t, name, "velocity")
	}

	other := modelFile(t, dir, "other.onnx", strings.ReplaceAll(tinyText, "splat(0.1)", "splat(0.2)"))
	wide := modelFile(t, dir, "wide.onnx", strings.NewReplacer("float32[16", "float32[17", "float32[3,16", "float32[3,17").Replace(tinyText))
	swap := func(i int, v string) []string {
		changed := append([]string{}, args...)
		changed[i] = v
		return append(changed, "--epochs", "1000", "--resume")
	}
	behind := `: go on as the run was begun, or start afresh (without --resume)`
	version := bytes.Replace(good, []byte(`{"version":2,`), []byte(`{"version":7,`), 1)
	require.NotEqual(t, good, version)
	for _, c := range []struct {
		name string
		data []byte
		args []string
		want string
	}{
		{"another architecture", good, swap(1, wide), "it is of another model, loss or optimizer" + behind},
		{"other settings", good, append(swap(1, args[1]), "--rate", "0.07"), "it is of a run with other data or settings: rate was 0.05, is 0.07"},
		{"another optimizer", good, append(swap(1, args[1]), "--optimizer", "adam"), "it is of another model, loss or optimizer" + behind},
		{"another version", version, swap(1, args[1]), "it is of version 7, this is version 2" + behind},
		{"no checkpoint", read(t, other), swap(1, args[1]), "it is a model, but no checkpoint" + behind},
		{"half of one", good[:len(good)/2], swap(1, args[1]), "not a protobuf message"},
		{"nothing", nil, swap(1, args[1]), "the file is empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(checkpoint, c.data, 0o644))
			code, _, errOut := run(t, c.args...)
			require.Equal(t, exitBad, code, errOut)
			require.Contains(t, errOut, fmt.Sprintf("onnxrun: train: checkpoint %q: ", checkpoint))
			require.Contains(t, errOut, c.want)
			require.NotContains(t, errOut, "goes on from there")
			require.Equal(t, 1, strings.Count(errOut, "\n"), errOut)
			require.True(t, bytes.Equal(c.data, read(t, checkpoint)))
			require.NoFileExists(t, filepath.Join(dir, "out.onnx"))
		})
	}
}

// A checkpoint that is written is told from the one of before, though its file may have the same number.
func TestKeptCheckpoint(t *testing.T) {
	path := filepath.Join(t.TempDir(), "checkpoint.onnx")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o644))
	opts := teach.Options{Checkpoint: path}
	old, err := os.Stat(path)
	require.NoError(t, err)
	j := &journal{begun: true, old: old}
	require.False(t, j.kept(opts))
	require.NoError(t, os.Chtimes(path, time.Time{}, old.ModTime().Add(time.Second)))
	require.True(t, j.kept(opts))
}

// A pretrained model of the same layers but of other weights is another model.
func TestCheckpointOfOtherWeights(t *testing.T) {
	dir, args := teaching(t)
	args[0] = "finetune"
	cmd, errOut := process(t, append(args, "--epochs", "1000", "--checkpoint-every", "1ns")...)
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool { _, err := os.Stat(filepath.Join(dir, "out.checkpoint.onnx")); return err == nil }, 60e9, 1e6, errOut)
	require.NoError(t, cmd.Process.Kill())
	cmd.Wait()
	args[1] = modelFile(t, dir, "other.onnx", strings.ReplaceAll(tinyText, "splat(0.1)", "splat(0.2)"))
	code, _, text := run(t, append(args, "--epochs", "1000", "--resume")...)
	require.Equal(t, exitBad, code)
	require.Contains(t, text, "it is of another model, loss or optimizer")
}

// A disk that is full while a checkpoint is written ends the run; the checkpoint of before is whole.
func TestDiskFull(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the limit of file sizes is set by a shell of Linux")
	}
	dir, args := teaching(t)
	checkpoint := filepath.Join(dir, "out.checkpoint.onnx")
	self, err := os.Executable()
	require.NoError(t, err)
	limited := func(blocks string, more ...string) (int, string) { // of 512 or 1024 bytes
		line := append([]string{"-c", "ulimit -f " + blocks + ` && exec "$0" "$@"`, self}, append(args, more...)...)
		cmd := exec.Command("/bin/sh", line...)
		cmd.Env = append(os.Environ(), asProgram+"=1")
		text, _ := cmd.CombinedOutput()
		return cmd.ProcessState.ExitCode(), string(text)
	}
	code, text := limited("8")
	require.Equal(t, exitBad, code)
	require.Equal(t, fmt.Sprintf("onnxrun: train: checkpoint %q: exporter: write: file too large\n", checkpoint), regexp.MustCompile(`write [^\n:]*`).ReplaceAllString(text, "write"))
	require.NoFileExists(t, checkpoint)

	cmd, errOut := process(t, append(args, "--epochs", "1000", "--checkpoint-every", "1ns")...)
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool { _, err := os.Stat(checkpoint); return err == nil }, 60e9, 1e6, errOut)
	require.NoError(t, cmd.Process.Kill())
	cmd.Wait()
	good := read(t, checkpoint)
	code, text = limited("8", "--epochs", "1000", "--checkpoint-every", "1ns", "--resume")
	require.Equal(t, exitBad, code)
	require.Contains(t, text, "file too large; "+checkpoint+" is whole: the same command with --resume goes on from there\n")
	require.True(t, bytes.Equal(good, read(t, checkpoint)))
	left, err := filepath.Glob(filepath.Join(dir, ".onnxrun-*"))
	require.NoError(t, err)
	require.LessOrEqual(t, len(left), 1) // of the process that was killed, at most
}

// A folder in which nothing can be made is refused before the work.
func TestOutputFolderIsReadOnly(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("/proc is a folder in which even root makes no files, and of Linux")
	}
	_, args := teaching(t)
	args[4] = "/proc/out.onnx"
	code, _, errOut := run(t, args...)
	require.Equal(t, exitBad, code)
	require.Regexp(t, `^onnxrun: -o: create a folder beside /proc/out.onnx: [^\n]*\n$`, errOut)
}

// The same command gives the same bytes, and another seed others.
func TestSameSeedSameBytes(t *testing.T) {
	dir, args := teaching(t)
	args = append(args, "--augment", "flip,color", "--threads", "2")
	var models [][]byte
	for i, more := range [][]string{nil, {"--resume"}, {"--seed", "1"}} { // there is nothing to go on from
		args[4] = filepath.Join(dir, fmt.Sprint(i, ".onnx"))
		ok(t, append(args, more...)...)
		models = append(models, read(t, args[4]))
	}
	require.True(t, bytes.Equal(models[0], models[1]))
	require.False(t, bytes.Equal(models[0], models[2]))
}
