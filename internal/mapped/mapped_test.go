package mapped

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// write makes a file whose times are long past, so that a change of them is seen.
func write(t *testing.T, size int) string {
	path := filepath.Join(t.TempDir(), "weights")
	require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte{7}, size), 0o644))
	past := time.Now().Add(-time.Hour)
	require.NoError(t, os.Chtimes(path, past, past))
	return path
}

func open(t *testing.T, path string, copyUpTo int64) *File {
	f, err := os.Open(path)
	require.NoError(t, err)
	m, err := Opened(f, copyUpTo)
	require.NoError(t, err)
	return m
}

// read adds up a file's bytes, under guard.
func read(f *File) (sum int, err error) {
	defer Files{f}.Guard(&err)()
	for _, b := range f.Bytes() {
		sum += int(b)
	}
	return sum, f.Check()
}

const size = 1 << 20

func TestCopiesDoNotChange(t *testing.T) {
	path := write(t, size)
	f := open(t, path, size)
	require.False(t, f.IsMapping())
	require.NoError(t, os.WriteFile(path, []byte("short"), 0o644))
	f.Discard(f.Bytes())
	sum, err := read(f)
	require.NoError(t, err)
	require.Equal(t, 7*size, sum)
	m := Memory(bytes.Repeat([]byte{7}, size))
	m.Discard(m.Bytes())
	sum, err = read(m)
	require.NoError(t, err)
	require.Equal(t, 7*size, sum)
}

func TestMappingsAreWatched(t *testing.T) {
	if !hasMappings {
		t.Skip("this system has no file mappings")
	}
	for name, c := range map[string]struct {
		change func(path string) error
		want   string
	}{
		"nothing": {func(string) error { return nil }, ""},
		"deleted": {os.Remove, ""},
		"replaced": {func(path string) error {
			if err := os.WriteFile(path+"2", []byte("other"), 0o644); err != nil {
				return err
			}
			return os.Rename(path+"2", path)
		}, ""},
		"truncated": {func(path string) error { return os.Truncate(path, size/2) }, "it had 1048576 bytes, and has 524288"},
		"emptied":   {func(path string) error { return os.Truncate(path, 0) }, "it had 1048576 bytes, and has 0"},
		"grown":     {func(path string) error { return os.Truncate(path, size+1) }, "it had 1048576 bytes, and has 1048577"},
		"overwritten": {func(path string) error {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.WriteAt([]byte{1}, size/2)
			return err
		}, "it was written to"},
	} {
		if runtime.GOOS == "windows" && name != "nothing" && name != "overwritten" {
			continue // which the system refuses for a mapped file
		}
		t.Run(name, func(t *testing.T) {
			path := write(t, size)
			f := open(t, path, size-1)
			require.True(t, f.IsMapping())
			sum, err := read(f)
			require.NoError(t, err)
			require.Equal(t, 7*size, sum)
			require.NoError(t, c.change(path))
			f.Discard(f.Bytes())
			sum, err = read(f)
			if c.want == "" {
				require.NoError(t, err)
				require.Equal(t, 7*size, sum)
				return
			}
			var changed *ChangedError
			require.ErrorAs(t, err, &changed)
			require.Equal(t, path, changed.Path)
			require.Contains(t, changed.Msg, c.want)
		})
	}
}

// Other panics are none of Guard's business, and faults elsewhere none of these files'.
func TestGuardLetsOthersPass(t *testing.T) {
	require.PanicsWithValue(t, "other", func() {
		var err error
		defer Files{Memory(nil)}.Guard(&err)()
		panic("other")
	})
	require.NoError(t, Files{Memory(make([]byte, 8))}.Fault("other"))
	require.Nil(t, Of("no files"))
}

func TestCheckAllocatesNothing(t *testing.T) {
	f := open(t, write(t, size), 0)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if f.Check() != nil {
			t.Fatal("changed")
		}
	}))
}

func TestOpenedRefuses(t *testing.T) {
	_, err := Open(t.TempDir())
	require.ErrorContains(t, err, "is a folder, not a file")
	_, err = Open(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
	f := open(t, write(t, 0), 0)
	require.Empty(t, f.Bytes())
}
