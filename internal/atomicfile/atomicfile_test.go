package atomicfile

import (
	"errors"
	"io"
	"io/fs"
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

func TestWriteAll(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	text := func(s string, err error) func(io.Writer) error {
		return func(w io.Writer) error {
			_, werr := io.WriteString(w, s)
			return errors.Join(werr, err)
		}
	}
	read := func(name string) string {
		data, err := os.ReadFile(at(name))
		require.NoError(t, err)
		return string(data)
	}
	require.NoError(t, WriteAll([]File{{at("a"), text("a1", nil)}, {at("b"), text("b1", nil)}}))
	require.NoError(t, WriteAll([]File{{at("a"), text("a2", nil)}, {at("b"), text("b2", nil)}}))
	require.Equal(t, "a2 b2", read("a")+" "+read("b"))
	require.ErrorContains(t, WriteAll([]File{{at("a"), text("a3", nil)}, {at("b"), text("b3", errors.New("no"))}}), "no")
	require.Equal(t, "a2 b2", read("a")+" "+read("b"))
	require.NoError(t, os.MkdirAll(at("folder"), 0o755))
	require.Error(t, WriteAll([]File{{at("a"), text("a4", nil)}, {at("new"), text("new", nil)}, {at("folder"), text("", nil)}}))
	require.Equal(t, "a2", read("a"))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 3)
}

// What a killed process left goes; other files stay.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{".onnxrun-m.onnx-123", ".onnxrun-m.onnx-x1", ".onnxrun-m.onnx.data-5", "m.onnx"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o644))
	}
	Sweep(filepath.Join(dir, "m.onnx"))
	require.NoFileExists(t, filepath.Join(dir, ".onnxrun-m.onnx-123"))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 3)
	Sweep(filepath.Join(dir, "none", "m.onnx"))
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, Check(filepath.Join(dir, "model.onnx")))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
	require.ErrorIs(t, Check(filepath.Join(dir, "none", "model.onnx")), fs.ErrNotExist)
}
