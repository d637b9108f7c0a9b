package hostfile

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReadRegularFiles(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "f"), filepath.Join(dir, "l")
	require.NoError(t, os.WriteFile(path, []byte("hello"), 0o600))
	for _, p := range []string{path, link} {
		if p == link {
			require.NoError(t, os.Symlink(path, link))
		}
		data, err := Read(p, 5)
		require.NoError(t, err)
		require.Equal(t, "hello", string(data))
	}
	_, err := Read(path, 4)
	require.ErrorIs(t, err, ErrTooLarge)
	require.EqualError(t, err, path+": too large: has more than 4 bytes")
	_, err = Read(filepath.Join(dir, "none\n\x1b[m"), 4)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.EqualError(t, err, dir+`/none\n\x1b[m: no such file or directory`)
	_, err = Read(dir, 4)
	require.ErrorIs(t, err, ErrNotRegular)
	require.ErrorContains(t, err, "is a folder, not a file")
}

func TestReadBelowAFolder(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "f"), []byte("hello"), 0o600))
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	defer root.Close()
	f, err := OpenIn(root, "f")
	require.NoError(t, err)
	defer f.Close()
	data, err := ReadOpened(f, 100)
	require.NoError(t, err)
	require.Equal(t, "hello", string(data))
	for _, name := range []string{".", "none", "../" + filepath.Base(dir) + "/f"} {
		_, err := OpenIn(root, name)
		require.Error(t, err, name)
	}
}

func TestReadAllIsBounded(t *testing.T) {
	data, err := ReadAll(strings.NewReader("hello"), 5)
	require.NoError(t, err)
	require.Equal(t, "hello", string(data))
	_, err = ReadAll(endless{}, 1<<20)
	require.ErrorIs(t, err, ErrTooLarge)
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return copy(p, bytes.Repeat([]byte{'x'}, len(p))), nil }
