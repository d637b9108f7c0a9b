package vision

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/onnxrun/onnxrun/internal/hostfile"
	"github.com/onnxrun/onnxrun/internal/plain"
)

// openTar finds the images of an archive, which stays open: images are read from where they lie.
func openTar(name string) (*Dataset, error) {
	f, err := hostfile.Open(name)
	if err != nil {
		return nil, err
	}
	entries, folders, err := tarEntries(f)
	if err != nil {
		f.Close()
		return nil, err
	}
	d, err := arrange(entries, folders)
	if err != nil {
		f.Close()
		return nil, err
	}
	d.file = f
	return d, nil
}

// openTarFolder finds the images of a folder of archives that are named as the parts of a data set are (train.tar,
// test.tar); nil if root is none.
func openTarFolder(root string) (*Dataset, error) {
	found, err := filepath.Glob(filepath.Join(root, "*.tar"))
	if err != nil {
		return nil, err
	}
	var entries []entry
	var folders []string
	var open closers
	for _, name := range found {
		part := splitName(strings.TrimSuffix(filepath.Base(name), ".tar"))
		if part == "" {
			continue
		}
		f, err := hostfile.Open(name)
		if err != nil {
			open.Close()
			return nil, err
		}
		open = append(open, f)
		inside, dirs, err := tarEntries(f)
		if err != nil {
			open.Close()
			return nil, fmt.Errorf("%s: %w", filepath.Base(name), err)
		}
		folders = append(folders, part)
		for _, d := range dirs {
			folders = append(folders, part+"/"+d)
		}
		for _, e := range inside {
			entries = append(entries, entry{part + "/" + e.path, e.open})
		}
	}
	if len(open) == 0 {
		return nil, nil
	}
	d, err := arrange(entries, folders)
	if err != nil {
		open.Close()
		return nil, err
	}
	d.file = open
	return d, nil
}

// closers are files that are closed together.
type closers []*os.File

func (fs closers) Close() error {
	var errs []error
	for _, f := range fs {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

func tarEntries(f *os.File) (entries []entry, folders []string, err error) {
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	// The reader of a file skips what is not read by seeking, and after Next stands at the data.
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return entries, folders, nil
		}
		if err != nil {
			return nil, nil, fmt.Errorf("a damaged tar after %d images: %w", len(entries), err)
		}
		file := strings.TrimPrefix(path.Clean("/"+h.Name), "/")
		if h.Typeflag == tar.TypeDir && file != "" && !inIgnoredFolder(file+"/") && len(folders) < maxSamples {
			folders = append(folders, file)
		}
		if h.Typeflag != tar.TypeReg || !isImageName(file) || inIgnoredFolder(file) {
			continue
		}
		at, err := f.Seek(0, io.SeekCurrent)
		switch {
		case err != nil:
			return nil, nil, err
		case isSparse(h):
			return nil, nil, fmt.Errorf("%s is a sparse file, which is not supported", plain.Quote(h.Name, plain.Name))
		case h.Size > info.Size()-at:
			return nil, nil, fmt.Errorf("a damaged tar: %s ends beyond the archive", plain.Quote(h.Name, plain.Name))
		case len(entries) == maxSamples:
			return nil, nil, fmt.Errorf("has more than %d images", maxSamples)
		}
		data := io.NewSectionReader(f, at, h.Size)
		entries = append(entries, entry{file, func() (*Image, error) {
			return Decode(io.NewSectionReader(data, 0, data.Size()))
		}})
	}
}

// inIgnoredFolder reports whether a folder above a file is ignored.
func inIgnoredFolder(file string) bool {
	folders := strings.Split(file, "/")
	return slices.ContainsFunc(folders[:len(folders)-1], ignoredFolder)
}

// isSparse reports whether an entry's data are not its bytes in a row.
func isSparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return h.Typeflag == tar.TypeGNUSparse
}
