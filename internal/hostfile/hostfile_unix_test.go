//go:build unix

package hostfile

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// soon fails the test where f waits for what never comes.
func soon(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("waits for ever")
	}
}

// Nothing that is no regular file is opened, nor waited for.
func TestDevicesPipesAndSocketsAreRefused(t *testing.T) {
	dir := t.TempDir()
	pipe, socket, link := filepath.Join(dir, "pipe"), filepath.Join(dir, "s"), filepath.Join(dir, "link")
	require.NoError(t, unix.Mkfifo(pipe, 0o600))
	require.NoError(t, os.Symlink("pipe", link)) // within the folder, as OpenIn asks for
	l, err := net.Listen("unix", socket)
	require.NoError(t, err)
	defer l.Close()
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	defer root.Close()
	for path, want := range map[string]string{
		pipe: "is a pipe, not a file", link: "is a pipe, not a file", socket: "is a socket, not a file", "/dev/zero": "is a device, not a file",
	} {
		soon(t, func() {
			_, err := Read(path, 100)
			require.ErrorIs(t, err, ErrNotRegular)
			require.ErrorContains(t, err, path+": "+want)
			if filepath.Dir(path) == dir {
				_, err := OpenIn(root, filepath.Base(path))
				require.ErrorIs(t, err, ErrNotRegular)
			}
		})
	}
}

// Files below /proc are regular by their mode, and some never end or wait.
func TestFilesOfNoSizeAreEmpty(t *testing.T) {
	for _, path := range []string{"/proc/self/pagemap", "/proc/kmsg", "/proc/self/mem", "/proc/self/environ"} {
		if _, err := os.Stat(path); err != nil {
			continue
		}
		soon(t, func() {
			data, _ := Read(path, 100)
			require.Empty(t, data)
		})
	}
}
