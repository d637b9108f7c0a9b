package importer

import (
	"fmt"
	"math"
	"os"
	"runtime"
)

// file is the bytes of a file, mapped where the system can. The mapping ends when the last reference to the file goes:
// who keeps a slice of data keeps the file, too (ir.Graph.KeepAlive).
type file struct {
	data []byte
}

// Discard gives the memory of a part of data back to the system, which reads it from the file again when it is needed.
func (f *file) Discard(part []byte) { discard(part) }

func openFile(path string) (*file, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return mapOpened(f)
}

func mapOpened(f *os.File) (*file, error) {
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", f.Name())
	case info.Size() == 0:
		return &file{}, nil
	case info.Size() > math.MaxInt:
		return nil, fmt.Errorf("%s has %d bytes, too many for this system", f.Name(), info.Size())
	}
	data, unmap, err := mapFile(f, int(info.Size()))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	m := &file{data: data}
	runtime.AddCleanup(m, func(unmap func()) { unmap() }, unmap)
	return m, nil
}
