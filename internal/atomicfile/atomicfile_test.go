package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// text writes a text, and then fails if err is not nil.
func text(s string, err error) func(io.Writer) error {
	return func(w io.Writer) error {
		_, werr := io.WriteString(w, s)
		return errors.Join(werr, err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(data)
}

// put writes a file as others do.
func put(t *testing.T, path, s string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o777))
	require.NoError(t, os.WriteFile(path, []byte(s), 0o666))
}

// has is that a folder has these names and no others.
func has(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	found := []string{}
	for _, e := range entries {
		found = append(found, e.Name())
	}
	require.ElementsMatch(t, names, found)
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	require.NoError(t, Write(path, text("one", nil)))
	require.ErrorContains(t, Write(path, text("two", errors.New("no"))), "no")
	require.Equal(t, "one", read(t, path))
	none := filepath.Join(dir, "none", "file")
	err := Write(none, text("", nil))
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "create a folder beside "+none+": ") // the name that the caller knows, not that of the temporary file
	require.ErrorIs(t, Write(dir, text("", nil)), errFolder)
	require.ErrorIs(t, Write(dir+"/new/", text("", nil)), errFolder)
	require.Error(t, Write("", text("", nil)))
	has(t, dir, "file")
	t.Chdir(dir)
	require.NoError(t, Write("relative", text("r", nil)))
	require.Equal(t, "r", read(t, "relative"))
	long := strings.Repeat("ä", 127) // of 254 bytes
	require.NoError(t, Write(long, text("l", nil)))
	require.Equal(t, "l", read(t, long))
	has(t, dir, "file", "relative", long)
}

func TestWriteAll(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	require.NoError(t, WriteAll([]File{{at("a"), text("a1", nil)}, {at("b"), text("b1", nil)}}))
	require.NoError(t, WriteAll([]File{{at("a"), text("a2", nil)}, {at("b"), text("b2", nil)}}))
	require.Equal(t, "a2 b2", read(t, at("a"))+" "+read(t, at("b")))
	require.ErrorContains(t, WriteAll([]File{{at("a"), text("a3", nil)}, {at("b"), text("b3", errors.New("no"))}}), "no")
	require.Equal(t, "a2 b2", read(t, at("a"))+" "+read(t, at("b")))
	// A folder that comes into the last one's place while all are written: those before are put back, or are not there.
	last := func(w io.Writer) error { return os.Mkdir(at("folder"), 0o755) }
	require.Error(t, WriteAll([]File{{at("a"), text("a4", nil)}, {at("new"), text("new", nil)}, {at("folder"), last}}))
	require.Equal(t, "a2", read(t, at("a")))
	has(t, dir, "a", "b", "folder")
}

// Where there are no hard links, what may have to be put back is copied.
func TestKeepByCopy(t *testing.T) {
	dir := t.TempDir()
	path, as := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	put(t, path, "text")
	put(t, as, "in the way of a link")
	require.ErrorIs(t, keep(path, as), fs.ErrExist) // of a copy as well: nothing is written over
	require.NoError(t, os.Remove(as))
	require.ErrorIs(t, keep(filepath.Join(dir, "none"), as), fs.ErrNotExist)
	require.NoError(t, os.Chmod(path, 0o640|fs.ModeSetgid))
	require.NoError(t, keepCopy(path, as))
	require.Equal(t, "text", read(t, as))
	want, err := os.Stat(path)
	require.NoError(t, err)
	got, err := os.Stat(as)
	require.NoError(t, err)
	require.Equal(t, want.Mode(), got.Mode())
}

// What a killed process left goes, with the next write and the next check; what is in use, and what others have, stays.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	left := filepath.Join(dir, ".onnxrun-m.onnx-123")
	others := []string{".onnxrun-m.onnx-x1", ".onnxrun-m.onnx-", ".onnxrun-m.onnx.data-5", ".onnxrun-m.onnx-7"}
	for _, name := range others[:3] {
		put(t, filepath.Join(dir, name, "new"), "half")
	}
	put(t, filepath.Join(dir, others[3]), "a file")
	kill := func() {
		put(t, filepath.Join(left, "new"), "half of a file")
		put(t, filepath.Join(left, "old"), "the old file")
		put(t, filepath.Join(left, "deep", "file"), "")
		if !locks(t) {
			day := time.Now().Add(-abandoned - time.Hour)
			for _, name := range []string{"deep/file", "deep", "new", "old", "."} {
				require.NoError(t, os.Chtimes(filepath.Join(left, name), day, day))
			}
		}
	}
	for name, next := range map[string]func() error{
		"write":   func() error { return Write(path, text("m", nil)) },
		"check":   func() error { return Check(path) },
		"failing": func() error { require.Error(t, Write(path, text("m", errors.New("no")))); return nil },
		"folder": func() error {
			_, remove, err := TempDir(path)
			require.NoError(t, err)
			return remove()
		},
	} {
		kill()
		require.NoError(t, next(), name)
		require.NoDirExists(t, left, name)
		os.Remove(path)
	}
	has(t, dir, others...)

	trial, remove, err := TempDir(path)
	require.NoError(t, err)
	put(t, filepath.Join(trial, "m.onnx"), "trial")
	require.NoError(t, Write(path, func(w io.Writer) error { return Write(path, text("inner", nil)) }))
	require.DirExists(t, trial, "it is in use")
	require.NoError(t, remove())
	has(t, dir, append(others, "m.onnx")...)
}

// In a folder of files whose names do not come again, what is left of any goes.
func TestSweepFolder(t *testing.T) {
	if !locks(t) {
		t.Skip("no locks on folders: left over is what is a day old (TestTouched)")
	}
	dir := t.TempDir()
	for _, name := range []string{".onnxrun-a-1", ".onnxrun-b-c-22", ".onnxrun-mine", "file-3"} {
		put(t, filepath.Join(dir, name, "new"), "half")
	}
	_, remove, err := TempDir(filepath.Join(dir, "used"))
	require.NoError(t, err)
	SweepFolder(dir)
	SweepFolder(filepath.Join(dir, "none"))
	used, err := filepath.Glob(filepath.Join(dir, ".onnxrun-used-*"))
	require.NoError(t, err)
	require.Len(t, used, 1, "it is in use")
	require.NoError(t, remove())
	has(t, dir, ".onnxrun-mine", "file-3")
}

// locks reports whether the system has locks for folders.
func locks(t *testing.T) bool {
	f, err := lockFolder(t.TempDir())
	if err == nil {
		f.Close()
	}
	return err == nil
}

// Without locks, only what nothing has changed for a day is left over.
func TestTouched(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	put(t, filepath.Join(dir, "new"), "half")
	old := time.Now().Add(-2 * abandoned)
	require.NoError(t, os.Chtimes(dir, old, old))
	require.Less(t, time.Since(touched(dir)), time.Hour, "a file in it is written to")
	require.NoError(t, os.Chtimes(filepath.Join(dir, "new"), old, old))
	require.Greater(t, time.Since(touched(dir)), abandoned)
	require.Less(t, time.Since(touched(filepath.Join(dir, "none"))), time.Hour)
}

// Many who write one file at once do not take each other's for left over, and the file is that of one of them.
func TestTogether(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	var wait sync.WaitGroup
	failed := make([]error, 8)
	for i := range failed {
		wait.Go(func() {
			for k := range 20 {
				failed[i] = errors.Join(failed[i], Write(path, text(strings.Repeat(fmt.Sprint(i), 1000+k), nil)))
			}
		})
	}
	wait.Wait()
	require.NoError(t, errors.Join(failed...))
	got := read(t, path)
	require.Equal(t, strings.Repeat(got[:1], 1019), got)
	has(t, dir, "file")
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "model.onnx")
	require.NoError(t, Check(path))
	has(t, dir)
	put(t, path, "old")
	require.NoError(t, Check(path))
	require.Equal(t, "old", read(t, path))
	require.ErrorIs(t, Check(filepath.Join(dir, "none", "model.onnx")), fs.ErrNotExist)
	require.ErrorIs(t, Check(dir), errFolder)
	require.ErrorContains(t, Check(dir), dir)
}

func TestLook(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	put(t, path, "")
	for at, want := range map[string]Kind{path: Regular, dir: Folder, path + "2": Absent, os.DevNull: Stream} {
		kind, err := Look(at)
		require.NoError(t, err)
		require.Equal(t, want, kind, at)
	}
	require.NoError(t, Remove(path))
	require.NoError(t, Remove(path))
	require.NoError(t, Remove(dir))
	require.NoError(t, Remove(os.DevNull))
	has(t, dir)
}
