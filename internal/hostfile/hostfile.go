// Package hostfile opens files of the machine to read them: regular files only, and no more of them than their size. Opening
// never blocks, and nothing endless is read.
package hostfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/onnxrun/onnxrun/internal/plain"
)

// ErrNotRegular is a path that is a folder, a device, a pipe or a socket; errors.Is finds it.
var ErrNotRegular = errors.New("not a file")

// ErrTooLarge is a file or stream that has more bytes than its reader takes; errors.Is finds it.
var ErrTooLarge = errors.New("too large")

// Error is a file that cannot be read.
type Error struct {
	Path string
	Err  error // without the path
}

func (e *Error) Error() string { return plain.Text(e.Path, plain.Name) + ": " + e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

// fail is err at a path, which what the system says has as well.
func fail(path string, err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return &Error{path, err}
}

// Open opens a regular file. Errors are *Error.
func Open(path string) (*os.File, error) {
	info, err := os.Stat(path) // opening a device may do things
	if err == nil {
		err = regular(info)
	}
	if err != nil {
		return nil, fail(path, err)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|nonblock, 0)
	return opened(f, path, err)
}

// OpenIn is Open below a folder.
func OpenIn(root *os.Root, name string) (*os.File, error) {
	info, err := root.Stat(name)
	if err == nil {
		err = regular(info)
	}
	if err != nil {
		return nil, fail(name, err)
	}
	f, err := root.OpenFile(name, os.O_RDONLY|nonblock, 0)
	return opened(f, name, err)
}

// opened looks at what was opened, which may be another file than the one that was looked at before.
func opened(f *os.File, path string, err error) (*os.File, error) {
	if err != nil {
		return nil, fail(path, err)
	}
	info, err := f.Stat()
	if err == nil {
		err = regular(info)
	}
	if err != nil {
		f.Close()
		return nil, fail(path, err)
	}
	return f, nil
}

// regular refuses all but regular files.
func regular(info fs.FileInfo) error {
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		return fmt.Errorf("is a folder, %w", ErrNotRegular)
	case mode&fs.ModeNamedPipe != 0:
		return fmt.Errorf("is a pipe, %w: what comes from a pipe is read from standard input (-)", ErrNotRegular)
	case mode&fs.ModeSocket != 0:
		return fmt.Errorf("is a socket, %w", ErrNotRegular)
	case mode&fs.ModeDevice != 0:
		return fmt.Errorf("is a device, %w: what is given as - is read from standard input, of whatever kind", ErrNotRegular)
	}
	return fmt.Errorf("is %w", ErrNotRegular)
}

// Read is the bytes of a regular file, which are an error if they are more than max. A file that its system says has none,
// as those below /proc, is empty, whatever reading it would give. Errors are *Error.
func Read(path string, max int64) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := ReadOpened(f, max)
	if err != nil {
		return nil, fail(path, err)
	}
	return data, nil
}

// ReadOpened is Read for a file that Open gave; its errors do not name it.
func ReadOpened(f *os.File, max int64) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	size := info.Size()
	if size > max {
		return nil, tooLarge(max)
	}
	data := make([]byte, size)
	n, err := io.ReadFull(f, data)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) { // it became shorter, or its size is a guess
		err = nil
	}
	return data[:n:n], err
}

// ReadAll is the bytes of a stream, which are an error if they are more than max.
func ReadAll(r io.Reader, max int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, max+1))
	if err == nil && int64(len(data)) > max {
		err = tooLarge(max)
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}

func tooLarge(max int64) error { return fmt.Errorf("%w: has more than %d bytes", ErrTooLarge, max) }
