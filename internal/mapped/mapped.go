// Package mapped holds the bytes of files that are read where they lie. Small files are copied, so that nothing that happens
// to them later matters; large ones are mapped read-only, and whoever reads their bytes is told, by an error, of a file that
// has changed.
package mapped

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"time"

	"github.com/onnxrun/onnxrun/internal/hostfile"
	"github.com/onnxrun/onnxrun/internal/plain"
)

// CopyUpTo is the greatest size in bytes of a file that is copied instead of mapped.
const CopyUpTo = 32 << 20

// File is the bytes of a file or, made by Memory, of no file. A mapping ends when the last reference to the File goes: who
// keeps a slice of the bytes keeps the File, too.
type File struct {
	path string
	data []byte
	// of a mapping; nil says that data is Go's memory
	handle   *os.File
	modified time.Time
}

// Memory is a File of bytes that lie in memory and do not change.
func Memory(data []byte) *File { return &File{data: data} }

// Open reads or maps a regular file.
func Open(path string) (*File, error) {
	f, err := hostfile.Open(path)
	if err != nil {
		return nil, err
	}
	return Opened(f, CopyUpTo)
}

// Opened is Open for a regular file that is open (hostfile.Open); it closes f, at once or when the mapping ends. Files of at most copyUpTo bytes are
// copied.
func Opened(f *os.File, copyUpTo int64) (m *File, err error) {
	defer func() {
		if m == nil || m.handle == nil {
			f.Close()
		}
	}()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", plain.Text(f.Name(), plain.Name))
	case info.Size() > math.MaxInt:
		return nil, fmt.Errorf("%s has %d bytes, too many for this system", plain.Text(f.Name(), plain.Name), info.Size())
	case info.Size() <= copyUpTo || !hasMappings:
		return copied(f, info)
	}
	data, unmap, err := mapFile(f, int(info.Size()))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", plain.Text(f.Name(), plain.Name), err)
	}
	m = &File{path: f.Name(), data: data, handle: f, modified: info.ModTime()}
	runtime.AddCleanup(m, func(unmap func()) { unmap(); f.Close() }, unmap)
	return m, nil
}

// copied reads a file that has the size and the time of info before and after it.
func copied(f *os.File, info os.FileInfo) (*File, error) {
	m := &File{path: f.Name(), data: make([]byte, info.Size())}
	if _, err := io.ReadFull(f, m.data); err != nil && !errors.Is(err, io.EOF) {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, &ChangedError{m.path, "it became shorter while it was read"}
		}
		return nil, err
	}
	after, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if after.Size() != info.Size() || !after.ModTime().Equal(info.ModTime()) {
		return nil, &ChangedError{m.path, "it was written to while it was read"}
	}
	return m, nil
}

// Path is the name that the file was opened by; empty for Memory.
func (f *File) Path() string { return f.path }

// Bytes is the file's bytes, not to be written to. Reading them may fault where IsMapping; see Guard.
func (f *File) Bytes() []byte { return f.data }

// IsMapping reports whether the bytes are those of a mapped file, and not of Go's memory.
func (f *File) IsMapping() bool { return f.handle != nil }

// Discard gives the memory of a part of the bytes back to the system, which reads it from the file again when it is needed.
// It does nothing where they are not a mapping.
func (f *File) Discard(part []byte) {
	if f.IsMapping() && f.holds(address(part)) {
		discard(part)
	}
}

// ChangedError is a file that is not what it was when it was opened: it has been truncated or written to.
type ChangedError struct{ Path, Msg string }

func (e *ChangedError) Error() string {
	return fmt.Sprintf("%s has changed while it was in use: %s; open it again when it is whole", plain.Text(e.Path, plain.Name), e.Msg)
}

// Check says by a *ChangedError that a mapped file is not what it was. That its name is gone, or another file has it, does
// not matter.
func (f *File) Check() error {
	if !f.IsMapping() {
		return nil
	}
	size, modified, err := stat(f.handle)
	switch {
	case err != nil:
		return &ChangedError{f.path, err.Error()}
	case size != int64(len(f.data)):
		return &ChangedError{f.path, fmt.Sprintf("it had %d bytes, and has %d", len(f.data), size)}
	case !modified.Equal(f.modified):
		return &ChangedError{f.path, "it was written to"}
	}
	return nil
}
