//go:build unix

package atomicfile

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// inheritOwner gives a file the owner and the group of another, and reports which it has. Only root may give files away;
// others may give them to groups of their own.
func inheritOwner(f *os.File, from fs.FileInfo) (owner, group bool) {
	want, ok := from.Sys().(*syscall.Stat_t)
	if !ok {
		return false, false
	}
	if f.Chown(int(want.Uid), int(want.Gid)) != nil {
		f.Chown(-1, int(want.Gid))
	}
	info, err := f.Stat()
	if err != nil {
		return false, false
	}
	has, ok := info.Sys().(*syscall.Stat_t)
	return ok && has.Uid == want.Uid, ok && has.Gid == want.Gid
}

// syncFolder writes to disk which files a folder has.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return nil // a folder that may be written and not read cannot be synced
	}
	defer d.Close()
	return synced(d)
}

// descriptor is that which a path stands for, of what the process has open.
func descriptor(path string) (fd int, ok bool) {
	path = filepath.Clean(path)
	switch path {
	case "/dev/stdin":
		return 0, true
	case "/dev/stdout":
		return 1, true
	case "/dev/stderr":
		return 2, true
	}
	for _, dir := range []string{"/dev/fd/", "/proc/self/fd/", "/proc/thread-self/fd/", fmt.Sprintf("/proc/%d/fd/", os.Getpid())} {
		if number, found := strings.CutPrefix(path, dir); found {
			n, err := strconv.ParseUint(number, 10, 31)
			return int(n), err == nil
		}
	}
	return 0, false
}

// duplicate is another descriptor for what the process has open, with the same position.
func duplicate(fd int, name string) (*os.File, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	again, err := unix.Dup(fd)
	if err != nil {
		return nil, err
	}
	unix.CloseOnExec(again)
	return os.NewFile(uintptr(again), name), nil
}

// writable says what forbids to write to a stream, without opening it.
func (t target) writable() error {
	if t.descriptor == none {
		return unix.Access(t.path, unix.W_OK)
	}
	flags, err := unix.FcntlInt(uintptr(t.descriptor), unix.F_GETFL, 0)
	if err == nil && flags&unix.O_ACCMODE == unix.O_RDONLY {
		err = unix.EBADF
	}
	return err
}
