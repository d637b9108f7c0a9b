package vision

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A list is read line by line, however long a line that never ends would be.
func TestLinesOfListsAreBounded(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"line":      "a.png," + strings.Repeat("x", 2<<20),
		"columns":   strings.Repeat("a.png,", 1<<20),
		"quotation": "a.png,\"" + strings.Repeat("x\n", 1<<20),
	} {
		path := filepath.Join(dir, name+".csv")
		require.NoError(t, os.WriteFile(path, []byte("a.png,0\n"+text), 0o600))
		_, err := OpenDataset(path)
		require.ErrorContains(t, err, "of more than 65536 bytes", name)
		require.Less(t, len(err.Error()), 1000)
	}
	long := filepath.Join(dir, "long.csv")
	require.NoError(t, os.WriteFile(long, []byte(strings.Repeat("a.png,0\n", 100_000)), 0o600))
	d, err := OpenDataset(long)
	require.NoError(t, err)
	require.Equal(t, 100_000, d.Len(), "many lines are read")
}

func TestLabelsAreBounded(t *testing.T) {
	_, err := ParseLabels(strings.Repeat("a\n", maxClasses+1))
	require.ErrorContains(t, err, "labels: more than 1048576")
	_, err = ParseLabels(strings.Repeat("a", maxLabels+1))
	require.ErrorContains(t, err, "more than 16777216 bytes")
	_, err = ParseLabels(`{"` + strings.Repeat("\u202e", 1<<20) + `": "a"}`)
	require.ErrorContains(t, err, `\u202e`)
	require.Less(t, len(err.Error()), 20_000)
	path := filepath.Join(t.TempDir(), "large.txt")
	f, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, f.Truncate(1<<40)) // sparse
	require.NoError(t, f.Close())
	_, err = ReadLabels(path)
	require.ErrorContains(t, err, "too large")
	_, err = DecodeFile(path)
	require.ErrorContains(t, err, "too large")
}

func TestSpecsAreBounded(t *testing.T) {
	_, err := ParseSpec(`{"mean": [` + strings.Repeat("1,", 1<<20) + `1]}`)
	require.ErrorContains(t, err, "expects at most 1048576")
	_, err = ParseSpec(`{"` + strings.Repeat("x", 1<<19) + `": 1}`)
	require.Less(t, len(err.Error()), 10_000)
}
