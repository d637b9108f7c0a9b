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
		require.NoError(t, WriteFile(heavy(t, 1), path, opts))
		before := contents(t, dir)
		limitFiles(t, 100_000, func() {
			require.ErrorContains(t, WriteFile(heavy(t, 2), path, opts), "exporter: ")
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
