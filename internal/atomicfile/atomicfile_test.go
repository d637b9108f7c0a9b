package atomicfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	put := func(text string, err error) error {
		return Write(path, func(w io.Writer) error {
			_, werr := io.WriteString(w, text)
			return errors.Join(werr, err)
		})
	}
	require.NoError(t, put("one", nil))
	require.ErrorContains(t, put("two", errors.New("no")), "no")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "one", string(data))
	require.Error(t, Write(filepath.Join(dir, "none", "file"), func(io.Writer) error { return nil }))
	require.Error(t, Write(dir, func(io.Writer) error { return nil })) // a folder cannot be replaced by a file
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
}
