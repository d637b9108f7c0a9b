// Package atomicfile writes files whole or not at all.
package atomicfile

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// File is a file to write.
type File struct {
	Path  string
	Write func(io.Writer) error
}

// Write writes path through a temporary file beside it, which is renamed at the end: whatever happens, path is what it
// was or the whole of what write wrote.
func Write(path string, write func(io.Writer) error) error {
	return WriteAll([]File{{path, write}})
}

// WriteAll writes files that belong together: all of them whole, or else each is what it was. They take their places in
// order, once all are written.
func WriteAll(files []File) (err error) {
	temps := make([]string, len(files))
	defer func() {
		for _, t := range temps {
			if t != "" {
				os.Remove(t) // of no effect once it is renamed
			}
		}
	}()
	for i, f := range files {
		if temps[i], err = temporary(f); err != nil {
			return err
		}
	}
	var undo []func()
	for i, f := range files {
		back, err := replace(temps[i], f.Path, i < len(files)-1)
		if err != nil {
			for _, u := range undo {
				u()
			}
			return err
		}
		undo = append(undo, back)
		defer os.Remove(oldName(temps[i]))
	}
	return nil
}

// temporary writes a file under another name, which it returns.
func temporary(f File) (name string, err error) {
	t, err := os.CreateTemp(filepath.Dir(f.Path), tempPrefix(f.Path)+"*")
	if err != nil {
		return "", err
	}
	defer func() {
		t.Close()
		if err != nil {
			os.Remove(t.Name())
		}
	}()
	b := bufio.NewWriterSize(t, 1<<16)
	if err := f.Write(b); err != nil {
		return "", err
	}
	if err := b.Flush(); err != nil {
		return "", err
	}
	if err := t.Chmod(0o644); err != nil {
		return "", err
	}
	return t.Name(), t.Close()
}

// Check tries whether path could be written, as far as its folder goes. What it leaves if it is killed, Sweep removes.
func Check(path string) error {
	t, err := os.CreateTemp(filepath.Dir(path), tempPrefix(path)+"*")
	if err != nil {
		return err
	}
	t.Close()
	return os.Remove(t.Name())
}

// maxBase bounds what temporary names have of a file's own, as names may not be longer than 255 bytes.
const maxBase = 200

// tempPrefix is what the names of the temporary files of path begin with.
func tempPrefix(path string) string {
	base := filepath.Base(path)
	return ".onnxrun-" + base[:min(len(base), maxBase)] + "-"
}

// Sweep removes what processes that were killed while they wrote path left beside it. Nobody else may be writing it.
func Sweep(path string) {
	entries, _ := os.ReadDir(filepath.Dir(path))
	for _, e := range entries {
		if rest, ok := strings.CutPrefix(e.Name(), tempPrefix(path)); ok && strings.Trim(rest, "0123456789") == "" {
			os.Remove(filepath.Join(filepath.Dir(path), e.Name()))
		}
	}
}

// oldName is where the file that a temporary one replaces is kept until all is done.
func oldName(temp string) string { return temp + ".old" }

// replace renames temp to path; undo, for which the old file is kept, puts back what was there.
func replace(temp, path string, undoable bool) (undo func(), err error) {
	if !undoable {
		return func() {}, os.Rename(temp, path)
	}
	old := oldName(temp)
	err = os.Link(path, old)
	fresh := errors.Is(err, fs.ErrNotExist)
	if err != nil && !fresh {
		return nil, err
	}
	if err := os.Rename(temp, path); err != nil {
		os.Remove(old)
		return nil, err
	}
	return func() {
		if fresh {
			os.Remove(path)
		} else {
			os.Rename(old, path)
		}
	}, nil
}
