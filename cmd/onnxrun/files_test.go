//go:build unix

package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/onnxrun/onnxrun/tensor"
)

// writing is a command line that writes one file, of a name.
type writing struct {
	name string
	file string
	// args has the command write file in a folder; what else it must write goes to spare, another folder.
	args func(folder, spare string) []string
	// inputs are files that it reads.
	inputs []string
	// beside are the files that stand beside the first one.
	beside []string
	varies bool // there are times in it
}

// writings are all commands that write files, over all kinds of files.
func writings(t *testing.T) []writing {
	in := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", filepath.Join(in, "cache"))
	at := func(name string) string { return filepath.Join(in, name) }
	copied := func(from, name string) string {
		require.NoError(t, os.WriteFile(at(name), read(t, from), 0o644))
		return at(name)
	}
	lenet, seven := copied(lenet, "lenet5.onnx"), copied(seven, "seven.png")
	names, x := at("names.txt"), npy(t, in, tensor.New(tensor.Float32, 1, 1, 28, 28))
	require.NoError(t, os.WriteFile(names, []byte("a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n"), 0o644))
	model, data := modelFile(t, in, "tiny.onnx", tinyText), shapes(t, at("shapes"), 3, "bar", "cross", "disc")
	first := filepath.Join(data, "bar", "000.png")
	line := func(args ...string) func(string, string) []string {
		return func(folder, spare string) []string {
			filled := make([]string, len(args))
			for i, arg := range args {
				filled[i] = strings.NewReplacer("$OUT", folder, "$SPARE", spare).Replace(arg)
			}
			return filled
		}
	}
	teach := []string{"--epochs", "1", "--batch", "8", "--augment", "none", "--quiet"}
	teaching := func(args ...string) func(string, string) []string { return line(append(args, teach...)...) }
	quick := []string{"--time", "0", "--quiet"}
	return []writing{
		{"optimize", "out.onnx", line(append([]string{"optimize", lenet, "-o", "$OUT/out.onnx", "--verify", "random"}, quick...)...), []string{lenet}, nil, false},
		{"optimize report", "r.html", line(append([]string{"optimize", lenet, "-o", "$SPARE/o.onnx", "--report", "$OUT/r.html"}, quick...)...), []string{lenet}, nil, true},
		{"label", "out.onnx", line("label", lenet, "--labels", names, "-o", "$OUT/out.onnx"), []string{lenet, names}, nil, false},
		{"new", "out.onnx", line("new", "lenet5", "-o", "$OUT/out.onnx"), nil, nil, false},
		{"features npy", "f.npy", line("features", lenet, seven, "--layer", "F6", "-o", "$OUT/f.npy"), []string{lenet, seven}, nil, false},
		{"features csv", "f.csv", line("features", lenet, seven, "--layer", "F6", "-o", "$OUT/f.csv"), []string{lenet, seven}, nil, false},
		{"features parquet", "f.parquet", line("features", lenet, seven, "--layer", "F6", "-o", "$OUT/f.parquet"), []string{lenet, seven}, nil, false},
		{"run", "prob.npy", line("run", lenet, "-i", x, "-o", "$OUT"), []string{lenet, x}, nil, false},
		{"view", "page.html", line("view", lenet, model, "-o", "$OUT/page.html"), []string{lenet, model}, nil, false},
		{"eval confusion", "c.png", line("eval", model, data, "--confusion", "$OUT/c.png"), []string{model, first}, nil, false},
		{"eval worst", "w.png", line("eval", model, data, "--worst", "$OUT/w.png"), []string{model, first}, nil, false},
		{"train", "out.onnx", teaching("train", model, data, "-o", "$OUT/out.onnx"), []string{model, first}, []string{"out.jsonl", "out.png"}, false},
		{"train log", "l.jsonl", teaching("train", model, data, "-o", "$SPARE/o.onnx", "--log", "$OUT/l.jsonl"), []string{model, first}, nil, true},
		{"train curves", "c.png", teaching("train", model, data, "-o", "$SPARE/o.onnx", "--curves", "$OUT/c.png"), []string{model, first}, nil, false},
		{"find-rate", "rates.png", line("train", model, data, "--find-rate", "$OUT/rates.png", "--batch", "8", "--quiet"), []string{model, first}, nil, false},
		{"finetune", "out.onnx", teaching("finetune", model, data, "-o", "$OUT/out.onnx", "--distill", lenetOf(t, in)), []string{model, first, at("teacher.onnx")}, []string{"out.jsonl", "out.png"}, false},
	}
}

// lenetOf is a teacher of three classes for pictures of shapes.
func lenetOf(t *testing.T, dir string) string { return modelFile(t, dir, "teacher.onnx", tinyText) }

// place is a new folder to write to, and one for what else is written.
func place(t *testing.T) (folder, spare string) {
	folder, spare = filepath.Join(t.TempDir(), "out"), t.TempDir()
	require.NoError(t, os.Mkdir(folder, 0o755))
	return folder, spare
}

// holds is that a folder has these names and no others.
func holds(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	found := []string{}
	for _, e := range entries {
		found = append(found, e.Name())
	}
	require.ElementsMatch(t, names, found)
}

const precious = "precious"

// preciousFile is a file that must not be lost.
func preciousFile(t *testing.T, path string, mode fs.FileMode) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(precious), 0o600))
	require.NoError(t, os.Chmod(path, mode))
}

func modeOf(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Lstat(path)
	require.NoError(t, err)
	return info.Mode()
}

// Every command that writes meets a file that exists, one of its own inputs, a link, a device, a pipe.
func TestOutputs(t *testing.T) {
	for _, w := range writings(t) {
		t.Run(w.name, func(t *testing.T) {
			folder, spare := place(t)
			path, args := filepath.Join(folder, w.file), w.args(folder, spare)
			ok(t, args...)
			whole := read(t, path)
			require.NotEmpty(t, whole)
			holds(t, folder, append([]string{w.file}, w.beside...)...)
			t.Run("exists", func(t *testing.T) { w.exists(t) })
			t.Run("own input", func(t *testing.T) { w.ownInput(t) })
			t.Run("link", func(t *testing.T) { w.link(t, whole) })
			t.Run("device", func(t *testing.T) { w.device(t) })
			t.Run("pipe", func(t *testing.T) { w.pipe(t, whole) })
		})
	}
}

// refused is that a command ends, before it has done anything, because a file exists.
func refused(t *testing.T, path string, args []string) {
	t.Helper()
	code, out, errOut := run(t, args...)
	require.Equal(t, exitBad, code, errOut)
	require.Empty(t, out)
	require.Equal(t, fmt.Sprintf("onnxrun: %s exists; --force overwrites it\n", path), errOut)
}

// A file that exists stays, and with --force it hands its mode on.
func (w writing) exists(t *testing.T) {
	folder, spare := place(t)
	path, args := filepath.Join(folder, w.file), w.args(folder, spare)
	preciousFile(t, path, 0o640)
	refused(t, path, args)
	require.Equal(t, precious, string(read(t, path)))
	holds(t, folder, w.file)
	holds(t, spare)
	ok(t, append(args, "--force")...)
	require.NotEqual(t, precious, string(read(t, path)))
	require.Equal(t, fs.FileMode(0o640), modeOf(t, path))
	holds(t, folder, append([]string{w.file}, w.beside...)...)
}

// An input stays, whatever it is called.
func (w writing) ownInput(t *testing.T) {
	for _, in := range w.inputs {
		folder, spare := place(t)
		path, before := filepath.Join(folder, w.file), read(t, in)
		require.NoError(t, os.Symlink(in, path))
		refused(t, path, w.args(folder, spare))
		require.Equal(t, before, read(t, in))
		require.NoError(t, os.Remove(path))
		require.NoError(t, os.Link(in, path))
		refused(t, path, w.args(folder, spare))
		require.Equal(t, before, read(t, in))
		holds(t, folder, w.file)
	}
}

// A link stays, and the file that it names is replaced, or made.
func (w writing) link(t *testing.T, whole []byte) {
	folder, spare := place(t)
	path, real := filepath.Join(folder, w.file), filepath.Join(filepath.Dir(folder), "real")
	require.NoError(t, os.Symlink("../real", path))
	ok(t, w.args(folder, spare)...)
	w.same(t, whole, read(t, real))
	preciousFile(t, real, 0o600)
	ok(t, append(w.args(folder, spare), "--force")...)
	w.same(t, whole, read(t, real))
	require.Equal(t, fs.FileMode(0o600), modeOf(t, real))
	require.NotZero(t, modeOf(t, path)&fs.ModeSymlink)
	holds(t, filepath.Dir(folder), "out", "real")
}

// same compares what is written, where it is always the same.
func (w writing) same(t *testing.T, want, got []byte) {
	t.Helper()
	require.NotEmpty(t, got)
	if !w.varies {
		require.True(t, string(want) == string(got), "the file is another")
	}
}

// A device is written to and stays; a full one is an error, at the end of the work as at its beginning.
func (w writing) device(t *testing.T) {
	folder, spare := place(t)
	path := filepath.Join(folder, w.file)
	require.NoError(t, os.Symlink("/dev/null", path))
	ok(t, w.args(folder, spare)...)
	holds(t, folder, w.file)
	require.NotZero(t, modeOf(t, "/dev/null")&fs.ModeDevice)
	if _, err := os.Stat("/dev/full"); err == nil {
		folder, spare = place(t)
		path = filepath.Join(folder, w.file)
		require.NoError(t, os.Symlink("/dev/full", path))
		code, _, errOut := run(t, w.args(folder, spare)...)
		require.Equal(t, exitBad, code)
		require.Contains(t, errOut, path+": no space left on device")
		holds(t, folder, w.file)
	}
	left, err := filepath.Glob("/dev/.onnxrun-*")
	require.NoError(t, err)
	require.Empty(t, left)
}

// A pipe gets the whole file.
func (w writing) pipe(t *testing.T, whole []byte) {
	folder, spare := place(t)
	path := filepath.Join(folder, w.file)
	require.NoError(t, unix.Mkfifo(path, 0o600))
	got := make(chan []byte)
	go func() {
		f, err := os.Open(path)
		if err != nil {
			got <- []byte(err.Error())
			return
		}
		defer f.Close()
		data, _ := io.ReadAll(f)
		got <- data
	}()
	ok(t, w.args(folder, spare)...)
	w.same(t, whole, <-got)
	require.NotZero(t, modeOf(t, path)&fs.ModeNamedPipe)
	holds(t, folder, w.file)
}

// Every command that writes meets a folder in which nothing may be made, and two full disks: one that lets no file grow, and,
// where a user may mount one, one without room. What was there is whole, nothing is left, and the error names the file.
func TestNoPlaceForOutputs(t *testing.T) {
	for _, w := range writings(t) {
		t.Run(w.name, func(t *testing.T) {
			for name, start := range map[string]func(t *testing.T, folder string, args []string) (*exec.Cmd, error){
				"read-only folder": inReadOnly, "no growth": inShell(`ulimit -f 0 && exec "$0" "$@"`), "full": inFull,
			} {
				t.Run(name, func(t *testing.T) {
					folder, spare := place(t)
					path := filepath.Join(folder, w.file)
					preciousFile(t, path, 0o640)
					cmd, err := start(t, folder, append(w.args(folder, spare), "--force"))
					var said strings.Builder
					cmd.Stdout, cmd.Stderr = &said, &said
					if err == nil {
						err = cmd.Run()
					}
					if name == "full" && regexp.MustCompile(`(?m)^(unshare|mount): `).MatchString(said.String()) {
						t.Skip("no disk of one's own: " + said.String())
					}
					require.Error(t, err)
					require.Equal(t, exitBad, cmd.ProcessState.ExitCode(), said.String())
					require.Regexp(t, `(?m)^onnxrun: .*(permission denied|read-only file system|file too large|no space left on device)`, said.String())
					if name != "no growth" || !strings.Contains(said.String(), spare) { // that of all files which is the first to be written
						require.Regexp(t, regexp.QuoteMeta(path)+"|"+regexp.QuoteMeta(filepath.Join(folder, "out.checkpoint.onnx")), said.String())
					}
					if name != "full" { // it is seen by that process alone
						require.Equal(t, precious, string(read(t, path)))
						require.Equal(t, fs.FileMode(0o640), modeOf(t, path))
						holds(t, folder, w.file)
					}
				})
			}
		})
	}
}

// inShell is the program behind a line of shell.
func inShell(line string) func(*testing.T, string, []string) (*exec.Cmd, error) {
	return func(t *testing.T, _ string, args []string) (*exec.Cmd, error) {
		self, err := os.Executable()
		require.NoError(t, err)
		cmd := exec.Command("/bin/sh", append([]string{"-c", line, self}, args...)...)
		cmd.Env = append(os.Environ(), asProgram+"=1")
		return cmd, nil
	}
}

// inFull is the program on a disk without room, which only it and its shell see.
func inFull(t *testing.T, folder string, args []string) (*exec.Cmd, error) {
	line := fmt.Sprintf(`set -e; cd /; name=$(ls %[1]q); mount -t tmpfs -o size=16k none %[1]q; printf precious > %[1]q/$name
head -c 100000 /dev/zero > %[1]q/filler 2>/dev/null || true
code=0; "$0" "$@" || code=$?
[ "$(cat %[1]q/$name)" = precious ] || { echo "the old file is lost"; exit 3; }
[ "$(ls -A %[1]q | wc -l)" = 2 ] || { echo "left over:"; ls -A %[1]q; exit 4; }
exit $code`, folder)
	cmd, err := inShell(line)(t, folder, args)
	cmd.Args = append([]string{"unshare", "-rm"}, cmd.Args...)
	path, looking := exec.LookPath("unshare")
	if looking != nil {
		t.Skip("no disk of one's own without unshare")
	}
	cmd.Path = path
	return cmd, err
}

// inReadOnly is the program with a folder in which nothing may be made, by root neither.
func inReadOnly(t *testing.T, folder string, args []string) (*exec.Cmd, error) {
	require.NoError(t, os.Chmod(folder, 0o555))
	t.Cleanup(func() { os.Chmod(folder, 0o755) })
	if os.Getuid() == 0 {
		if _, err := exec.LookPath("setpriv"); err != nil {
			t.Skip("root may write anywhere, and there is no setpriv to take that right away")
		}
		return inShell(`exec setpriv --bounding-set -dac_override,-dac_read_search --inh-caps -dac_override,-dac_read_search -- "$0" "$@"`)(t, folder, args)
	}
	return inShell(`exec "$0" "$@"`)(t, folder, args)
}
