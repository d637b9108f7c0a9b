package exporter

import (
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// When the disk is full the old files stay, and nothing else does.
func TestFullDisk(t *testing.T) {
	for _, opts := range []Options{{}, {ExternalData: true}} {
		dir := t.TempDir()
		path := filepath.Join(dir, "m.onnx")
		require.NoError(t, WriteFile(product(t, 1, 1200), path, opts))
		before := contents(t, dir)
		// Less than the weights, and beyond the files that the test itself has open.
		limitFiles(t, 5<<20, func() {
			require.ErrorContains(t, WriteFile(product(t, 2, 1200), path, opts), "exporter: ")
		})
		require.Equal(t, before, contents(t, dir))
	}
}

// limitFiles runs f while no file may be longer than n bytes.
func limitFiles(t *testing.T, n uint64, f func()) {
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var old syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old))
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: n, Max: old.Max}))
	defer func() { require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old)) }()
	f()
}
