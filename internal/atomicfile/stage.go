package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// stage is a folder beside a file for what is to take its place: on the same file system, with all the rights of that folder
// and none for others. It is locked as long as its process lives.
type stage struct {
	dir  string
	lock *os.File // nil where there are no locks
}

const (
	// stageMark is what the names of all stages begin with.
	stageMark = ".onnxrun-"
	// maxBase bounds what a stage's name has of the file's own, as names may not be longer than 255 bytes.
	maxBase = 200
	// abandoned is when a stage that cannot be locked is taken for left over.
	abandoned = 24 * time.Hour
	// maxTries is how often others may take a new stage for left over, before it is locked.
	maxTries = 100
)

// errLocked says that another process, or another stage of this one, has locked a folder.
var errLocked = errors.New("is locked")

// stagePrefix is what the names of the stages of a file begin with; digits follow.
func stagePrefix(base string) string {
	if len(base) > maxBase {
		base = strings.ToValidUTF8(base[:maxBase], "")
	}
	return stageMark + base + "-"
}

// newStage makes a stage, and removes those that killed processes left.
func newStage(at target) (*stage, error) {
	base := at.base()
	if base == "" {
		return nil, &fs.PathError{Op: "create", Path: at.name, Err: errFolder}
	}
	sweep(at.folder(), func(name string) bool {
		rest, ok := strings.CutPrefix(name, stagePrefix(base))
		return ok && isNumber(rest)
	})
	for range maxTries {
		dir, err := os.MkdirTemp(at.folder(), stagePrefix(base)+"*")
		if err != nil {
			return nil, named(err, "create a folder beside", at.name)
		}
		lock, err := lockFolder(dir)
		switch {
		case errors.Is(err, errors.ErrUnsupported):
			return &stage{dir: dir}, nil
		case err == nil && isFolder(dir, lock):
			return &stage{dir, lock}, nil
		case err == nil:
			lock.Close()
		case !errors.Is(err, errLocked) && !errors.Is(err, fs.ErrNotExist):
			os.Remove(dir)
			return nil, named(err, "create", at.name)
		}
	}
	return nil, &fs.PathError{Op: "create", Path: at.name, Err: errors.New("its temporary folder is removed again and again")}
}

// isFolder reports whether a folder that is open is still there.
func isFolder(dir string, open *os.File) bool {
	is, err := open.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(dir)
	return err == nil && os.SameFile(is, named)
}

func (s *stage) remove() error {
	err := os.RemoveAll(s.dir)
	if s.lock != nil {
		s.lock.Close()
	}
	return err
}

// SweepFolder removes what killed processes left of any file in a folder, such as a cache, whose files have names that do not
// come again.
func SweepFolder(folder string) {
	sweep(folder, func(name string) bool {
		return strings.HasPrefix(name, stageMark) && isNumber(name[strings.LastIndexByte(name, '-')+1:])
	})
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// sweep removes those stages in a folder whose names are meant, and that nobody has locked.
func sweep(folder string, meant func(name string) bool) {
	d, err := os.Open(folder)
	if err != nil {
		return
	}
	defer d.Close()
	for {
		names, err := d.Readdirnames(1000)
		for _, name := range names {
			if meant(name) {
				sweepStage(filepath.Join(folder, name))
			}
		}
		if err != nil {
			return
		}
	}
}

func sweepStage(dir string) {
	if info, err := os.Lstat(dir); err != nil || !info.IsDir() {
		return
	}
	lock, err := lockFolder(dir)
	switch {
	case err == nil:
		defer lock.Close()
	case !errors.Is(err, errors.ErrUnsupported) || time.Since(touched(dir)) < abandoned:
		return
	}
	os.RemoveAll(dir)
}

// touched is when a folder, or something in it, was last changed; now, if that is not to be found out.
func touched(dir string) (last time.Time) {
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.ModTime().After(last) {
			last = info.ModTime()
		}
		return err
	})
	if err != nil {
		return time.Now()
	}
	return last
}
