//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/train"
)

// victim is a command that is killed while it writes file, in two forms, which write different things.
type victim struct {
	name, file string
	forms      [2][]string // without the output
	beside     []string
}

func victims(t *testing.T) []victim {
	in := t.TempDir()
	data, model := shapes(t, filepath.Join(in, "shapes"), 8, "bar", "cross", "disc"), modelFile(t, in, "tiny.onnx", tinyText)
	large := filepath.Join(in, "large.onnx") // enough that writing it takes a while
	ok(t, "new", "squeezenet1_1", "-o", large, "--classes", "10", "--quiet")
	images := []string{}
	for _, class := range []string{"bar", "cross", "disc"} {
		found, err := filepath.Glob(filepath.Join(data, class, "*.png"))
		require.NoError(t, err)
		images = append(images, found...)
	}
	both := func(common []string, a, b string) [2][]string {
		return [2][]string{append(common[:len(common):len(common)], strings.Fields(a)...), append(common[:len(common):len(common)], strings.Fields(b)...)}
	}
	teach := []string{model, data, "--epochs", "3", "--batch", "8", "--augment", "none", "--checkpoint-every", "1ns", "--quiet"}
	return []victim{
		{"optimize", "out.onnx", both([]string{"optimize", lenet, "--time", "0", "--verify", "random", "--quiet"}, "-O0", "-O1 --opset 13"), nil},
		{"optimize external", "out.onnx", both([]string{"optimize", lenet, "--time", "0", "--verify", "random", "--external-data", "--quiet"}, "-O0", "-O0 --opset 13"), []string{"out.onnx.data"}},
		{"label", "out.onnx", both([]string{"label", large}, "--labels digits", "--labels cifar10"), nil},
		{"features", "f.csv", both(append([]string{"features", model}, images...), "--layer r1", "--layer r2"), nil},
		{"train", "out.onnx", both(append([]string{"train"}, teach...), "--seed 1", "--seed 2"), []string{"out.jsonl", "out.png"}},
		{"finetune", "out.onnx", both(append([]string{"finetune"}, teach...), "--freeze all", "--freeze relu1"), []string{"out.jsonl", "out.png"}},
	}
}

// Commands that are killed at random moments leave the old file or the new one, and nothing else once one of them has come to
// its end. Half of the kills wait until something is being written.
func TestKilled(t *testing.T) {
	kills, long := 2, os.Getenv("ONNXRUN_LONG") != ""
	if long {
		kills = 50
	}
	for i, v := range victims(t) {
		t.Run(v.name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
			out := filepath.Join(dir, "out")
			require.NoError(t, os.Mkdir(out, 0o755))
			args := func(form int) []string {
				return append(v.forms[form][:len(v.forms[form]):len(v.forms[form])], "-o", filepath.Join(out, v.file), "--force")
			}
			var whole [2][]byte
			var took time.Duration
			complete := func(form int) {
				begin := time.Now()
				cmd, errOut := process(t, args(form)...)
				require.NoError(t, cmd.Run(), errOut)
				took = time.Since(begin)
				holds(t, out, append([]string{v.file}, v.beside...)...)
				require.Empty(t, leftOver(t, dir))
			}
			for form := range whole {
				complete(form)
				whole[form] = read(t, filepath.Join(out, v.file))
			}
			require.False(t, bytes.Equal(whole[0], whole[1]))
			rng := rand.New(rand.NewPCG(12, uint64(i)))
			killed, writing, fresh := 0, 0, 0
			for killed < kills {
				forget(t, filepath.Join(dir, "cache"))
				cmd, errOut := process(t, args(killed%2)...)
				before := read(t, filepath.Join(out, v.file))
				require.NoError(t, cmd.Start())
				ended := make(chan error, 1)
				go func() { ended <- cmd.Wait() }()
				if killed%4 >= 2 {
					time.Sleep(time.Duration(rng.Int64N(int64(took))))
				} else {
					wait(t, dir, took)
					time.Sleep(time.Duration(rng.Int64N(int64(2 * time.Millisecond))))
				}
				cmd.Process.Kill()
				<-ended
				if status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() {
					require.Zero(t, status.ExitStatus(), errOut) // done too early
					continue
				}
				killed++
				if len(leftOver(t, dir)) > 0 {
					writing++
				}
				got := read(t, filepath.Join(out, v.file))
				require.True(t, bytes.Equal(whole[0], got) || bytes.Equal(whole[1], got), "neither the old file nor the new one")
				if !bytes.Equal(before, got) {
					fresh++
				}
				wholeBeside(t, out, v)
				if killed%10 == 0 || killed == kills {
					complete(rng.IntN(2))
				}
			}
			t.Logf("%d kills, %d of them while files were written, %d after the new one took its place", killed, writing, fresh)
			require.True(t, writing > 0 || !long, "no kill has met what it was meant for")
		})
	}
}

// leftOver are the folders of files that are being written, or were when their process was killed.
func leftOver(t *testing.T, dir string) []string {
	var all []string
	for _, pattern := range []string{"out/.onnxrun-*", "cache/onnxrun/*/.onnxrun-*"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		require.NoError(t, err)
		all = append(all, found...)
	}
	return all
}

// wait waits until there is one more of them, or the time is over.
func wait(t *testing.T, dir string, atMost time.Duration) {
	before := len(leftOver(t, dir))
	for begin := time.Now(); time.Since(begin) < atMost && len(leftOver(t, dir)) <= before; {
		time.Sleep(100 * time.Microsecond)
	}
}

// forget removes the features that are kept, but for what was being written.
func forget(t *testing.T, cache string) {
	files, err := filepath.Glob(filepath.Join(cache, "onnxrun", "features", "*"))
	require.NoError(t, err)
	for _, f := range files {
		if !strings.HasPrefix(filepath.Base(f), ".") {
			require.NoError(t, os.Remove(f))
		}
	}
}

// wholeBeside is that what stands beside the file is whole, too.
func wholeBeside(t *testing.T, out string, v victim) {
	entries, err := os.ReadDir(out)
	require.NoError(t, err)
	for _, e := range entries {
		path := filepath.Join(out, e.Name())
		switch {
		case e.IsDir():
			require.True(t, strings.HasPrefix(e.Name(), ".onnxrun-"), e.Name())
		case strings.HasSuffix(e.Name(), ".onnx"):
			_, err := importer.Open(path)
			require.NoError(t, err)
		case strings.HasSuffix(e.Name(), ".jsonl"):
			for line := range strings.Lines(string(read(t, path))) {
				require.NoError(t, json.Unmarshal([]byte(line), &train.Record{}), line)
			}
		case strings.HasSuffix(e.Name(), ".png"):
			_, err := png.Decode(bytes.NewReader(read(t, path)))
			require.NoError(t, err)
		default:
			require.Contains(t, append([]string{v.file}, v.beside...), e.Name())
		}
	}
}
