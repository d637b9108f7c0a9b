package atomicfile

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// replacement is a file on its way to its place.
type replacement struct {
	at    target
	write func(io.Writer) error
	stage *stage // nil for a stream, which is written to only when it is its turn
	kept  bool   // what was there is kept in the stage until all is done
	done  bool
}

// The files of a stage.
const (
	newFile = "new"
	oldFile = "old"
)

// prepare writes the new file, all but its place.
func prepare(f File) (r *replacement, err error) {
	at, err := resolve(f.Path)
	if err != nil {
		return nil, err
	}
	r = &replacement{at: at, write: f.Write}
	switch at.kind() {
	case Stream:
		return r, nil
	case Folder:
		return nil, &fs.PathError{Op: "write", Path: f.Path, Err: errFolder}
	}
	if r.stage, err = newStage(at); err != nil {
		return nil, err
	}
	if err = r.writeNew(); err != nil {
		r.end()
		return nil, err
	}
	return r, nil
}

// writeNew writes the file into the stage.
func (r *replacement) writeNew() error {
	f, err := os.OpenFile(filepath.Join(r.stage.dir, newFile), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return named(err, "create", r.at.name)
	}
	err = copyTo(f, r.at.name, r.write)
	if err == nil {
		err = named(inherit(f, r.at.path), "set the mode of", r.at.name)
	}
	if err == nil {
		err = named(synced(f), "sync", r.at.name)
	}
	if closing := f.Close(); err == nil {
		err = named(closing, "close", r.at.name)
	}
	return err
}

// inherit gives a new file the owner, group and mode of that at path, if there is one.
func inherit(f *os.File, path string) error {
	old, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	mode := old.Mode() & (fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky)
	owner, group := inheritOwner(f, old)
	if !owner { // whom to run as is not for another
		mode &^= fs.ModeSetuid
	}
	if !group { // nor are the rights of a group
		mode = mode&^(fs.ModeSetgid|0o070) | mode&0o007<<3
	}
	return f.Chmod(mode)
}

// copyTo has write write to w, with errors that name path.
func copyTo(w io.Writer, path string, write func(io.Writer) error) error {
	b := bufio.NewWriterSize(&namedWriter{w, path}, 1<<16)
	if err := write(b); err != nil {
		return err
	}
	return b.Flush()
}

type namedWriter struct {
	w    io.Writer
	path string
}

func (w *namedWriter) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	return n, named(err, "write", w.path)
}

// synced writes a file to disk, where it lies on one.
func synced(f *os.File) error {
	err := f.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}

// commit puts the file in its place, or writes to the stream.
func (r *replacement) commit(undoable bool) error {
	if r.stage == nil {
		return r.stream()
	}
	if undoable {
		err := keep(r.at.path, filepath.Join(r.stage.dir, oldFile))
		if r.kept = err == nil; err != nil && !errors.Is(err, fs.ErrNotExist) {
			return named(err, "keep", r.at.name)
		}
	}
	if err := os.Rename(filepath.Join(r.stage.dir, newFile), r.at.path); err != nil {
		return named(err, "replace", r.at.name)
	}
	r.done = true
	return nil
}

// stream writes to a stream.
func (r *replacement) stream() error {
	w, err := r.at.open()
	if err != nil {
		return named(err, "open", r.at.name)
	}
	err = copyTo(w, r.at.name, r.write)
	if f, ok := w.(*os.File); ok && err == nil {
		err = named(synced(f), "sync", r.at.name)
	}
	if closing := w.Close(); err == nil {
		err = named(closing, "close", r.at.name)
	}
	return err
}

// undo puts back what was there.
func (r *replacement) undo() {
	switch {
	case !r.done:
	case r.kept:
		os.Rename(filepath.Join(r.stage.dir, oldFile), r.at.path)
	default:
		os.Remove(r.at.path)
	}
}

// end removes what was only on the way.
func (r *replacement) end() {
	if r.stage != nil {
		r.stage.remove()
	}
}

// keep gives a file a second name, or, where the file system has none to give, makes a copy.
func keep(path, as string) error {
	err := os.Link(path, as)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return keepCopy(path, as)
}

// keepCopy copies a file, with its owner, group and mode.
func keepCopy(path, as string) error {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(as, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err = io.Copy(to, from); err == nil {
		err = inherit(to, path)
	}
	if err == nil {
		err = synced(to)
	}
	return errors.Join(err, to.Close())
}
