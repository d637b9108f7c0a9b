package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// Kind is what stands at a path, links followed.
type Kind int

const (
	Absent  Kind = iota
	Regular      // a file, which is replaced
	Folder       // which is not written
	Stream       // a device, a pipe, a socket, or what the process has open: it is written to where it stands
)

// Look says what stands at path. Nothing is opened.
func Look(path string) (Kind, error) {
	at, err := resolve(path)
	return at.kind(), err
}

// Stdout reports whether what is written to path goes to standard output.
func Stdout(path string) bool {
	at, err := resolve(path)
	return err == nil && at.descriptor == 1
}

// Same reports whether two paths, neither of which has to be there, are one file, through links too. The null device, of which
// there is no reading, is never the same as itself.
func Same(a, b string) bool {
	_, _, same := Twice([]string{a, b})
	return same
}

// Twice finds two of many paths that are one file, as Same has it; empty ones are none.
func Twice(paths []string) (first, second int, found bool) {
	all := make([]target, len(paths))
	for i, path := range paths {
		if path == "" {
			continue
		}
		var err error
		if all[i], err = resolve(path); err != nil {
			all[i] = target{}
		}
		for k, other := range all[:i] {
			if other.path != "" && all[i].path != "" && all[i].same(other) {
				return k, i, true
			}
		}
	}
	return 0, 0, false
}

func (x target) same(y target) bool {
	if (x.info == nil) != (y.info == nil) {
		return false
	}
	if x.info != nil {
		if !os.SameFile(x.info, y.info) {
			return false
		}
		null, err := os.Stat(os.DevNull)
		return err != nil || !os.SameFile(x.info, null)
	}
	if x.base() != y.base() {
		return false
	}
	p, err := os.Stat(x.folder())
	if err != nil {
		return filepath.Clean(x.path) == filepath.Clean(y.path)
	}
	q, err := os.Stat(y.folder())
	return err == nil && os.SameFile(p, q)
}

var (
	errFolder = errors.New("is a folder")
	errLinks  = errors.New("too many symbolic links")
)

// maxLinks is how many links are followed, as in Linux.
const maxLinks = 40

// none is no descriptor.
const none = -1

// target is where a path leads.
type target struct {
	name       string      // the path as the caller has it
	path       string      // that of the file itself
	info       fs.FileInfo // nil: there is none
	descriptor int         // of what the process has open; or none
}

// resolve follows symbolic links to a file, or to where one would be made.
func resolve(name string) (t target, err error) {
	if t, err = follow(name); err != nil || !strings.Contains(t.path, "..") {
		return t, err
	}
	if dir, err := filepath.EvalSymlinks(t.folder()); err == nil {
		t.path = filepath.Join(dir, t.base())
	}
	return t, nil
}

// follow is resolve for a path that may have ".." behind a link: only the system knows what that means, so paths are joined as
// text, never cleaned.
func follow(name string) (t target, err error) {
	t = target{name: name, path: name, descriptor: none}
	for range maxLinks {
		if fd, ok := descriptor(t.path); ok {
			t.descriptor = fd
			t.info, err = os.Stat(t.path)
			return t, named(err, "open", name)
		}
		t.info, err = os.Lstat(t.path)
		if errors.Is(err, fs.ErrNotExist) {
			t.info = nil
			return t, nil
		}
		if err != nil {
			return t, named(err, "open", name)
		}
		if t.info.Mode()&fs.ModeSymlink == 0 {
			return t, nil
		}
		link, err := os.Readlink(t.path)
		if err != nil {
			return t, named(err, "open", name)
		}
		if dir, _ := filepath.Split(t.path); !filepath.IsAbs(link) {
			link = dir + link
		}
		t.path = link
	}
	return t, &fs.PathError{Op: "open", Path: name, Err: errLinks}
}

func (t target) kind() Kind {
	switch {
	case t.descriptor != none:
		return Stream
	case t.info == nil:
		return Absent
	case t.info.IsDir():
		return Folder
	case t.info.Mode().IsRegular():
		return Regular
	}
	return Stream
}

// folder is the one that the file lies in.
func (t target) folder() string {
	if dir, _ := filepath.Split(t.path); dir != "" {
		return dir
	}
	return "."
}

// base is the file's name in its folder; empty for a path that ends in a separator.
func (t target) base() string {
	_, base := filepath.Split(t.path)
	return base
}

// open opens a stream. A pipe waits for its reader.
func (t target) open() (io.WriteCloser, error) {
	switch {
	case t.descriptor != none:
		return duplicate(t.descriptor, t.name)
	case t.info.Mode()&fs.ModeSocket != 0:
		return net.Dial("unix", t.path)
	}
	return os.OpenFile(t.path, os.O_WRONLY, 0)
}

// named is an error of the system with the path that the caller knows.
func named(err error, op, path string) error {
	if err == nil {
		return nil
	}
	var p *fs.PathError
	var l *os.LinkError
	var s *os.SyscallError
	switch {
	case errors.As(err, &p):
		err = p.Err
	case errors.As(err, &l):
		err = l.Err
	case errors.As(err, &s):
		err = s.Err
	}
	return &fs.PathError{Op: op, Path: path, Err: err}
}
