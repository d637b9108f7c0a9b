// Package atomicfile writes files whole or not at all.
//
// What is to stand at a path is written into a folder beside it, ".onnxrun-NAME-" and digits, synced, and renamed; then the
// path's folder is synced. So the path is what it was or the whole of the new file, whatever happens, a crash of the machine
// included. Of several files that belong together each is; between their renames, a few microseconds, some are new and some
// old.
//
// A symbolic link is followed, one that leads nowhere too: the file that it names is replaced or made, the link stays. A file
// that is replaced hands on its mode and, as far as the system permits, its owner and group; a new one has what the umask
// leaves. Other hard links of a file that is replaced keep what it was.
//
// What is there and is no regular file (a device, a pipe, a socket), and what the process has open (/dev/stdout, /dev/fd/3),
// is a stream: it is written to where it stands, as it comes, and never replaced; nothing is made beside it.
//
// The folder of a process that was killed is removed by the next one that writes or checks the same path. A folder in use is
// locked (flock), and the lock ends with the process that holds it, however it ends; on systems and file systems without such
// locks only a folder that nothing has changed for a day is taken for left over.
package atomicfile

import (
	"io"
	"io/fs"
	"os"
)

// File is a file to write.
type File struct {
	Path  string
	Write func(io.Writer) error
}

// Write writes a file: path is what it was or, if the error is nil, the whole of what write wrote, on disk.
func Write(path string, write func(io.Writer) error) error {
	return WriteAll([]File{{path, write}})
}

// WriteAll writes files that belong together: all of them whole, or else each is what it was, but for streams. They take
// their places in order, once all are written; streams are written to when it is their turn.
func WriteAll(files []File) (err error) {
	all := make([]*replacement, 0, len(files))
	defer func() {
		for _, r := range all {
			r.end()
		}
	}()
	for _, f := range files {
		r, err := prepare(f)
		if err != nil {
			return err
		}
		all = append(all, r)
	}
	for i, r := range all {
		if err := r.commit(i < len(all)-1); err != nil {
			for _, done := range all[:i] {
				done.undo()
			}
			return err
		}
	}
	for _, r := range all {
		if r.stage != nil {
			if err := syncFolder(r.at.folder()); err != nil {
				return named(err, "sync", r.at.name)
			}
		}
	}
	return nil
}

// Check says before long work whether path could be written: it is no folder, and a file can be made where it lies. Streams
// are neither opened nor written to. What killed processes left beside path is removed.
func Check(path string) error {
	at, err := resolve(path)
	if err != nil {
		return err
	}
	switch at.kind() {
	case Folder:
		return &fs.PathError{Op: "write", Path: path, Err: errFolder}
	case Stream:
		return named(at.writable(), "write", path)
	}
	s, err := newStage(at)
	if err != nil {
		return err
	}
	return s.remove()
}

// TempDir makes a folder for what leads to path: beside it, so that there is as much room, or, for a stream, where the system
// has temporary files. It is for the caller to remove; if he is killed, it goes as all that is left beside path.
func TempDir(path string) (dir string, remove func() error, err error) {
	at, err := resolve(path)
	if err != nil {
		return "", nil, err
	}
	if at.kind() == Stream {
		at = target{name: path, path: os.TempDir() + string(os.PathSeparator) + "stream", descriptor: none}
	}
	s, err := newStage(at)
	if err != nil {
		return "", nil, err
	}
	return s.dir, s.remove, nil
}

// Remove removes the file at path, if there is one. A symbolic link is followed and stays; streams and folders stay.
func Remove(path string) error {
	at, err := resolve(path)
	if err != nil || at.kind() != Regular {
		return err
	}
	return os.Remove(at.path)
}
