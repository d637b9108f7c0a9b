package mapped

import (
	"runtime"
	"runtime/debug"
	"unsafe"
)

// Files is what the constants of a graph lie in.
type Files []*File

// Of is the files among what ir.Graph.Backing returns; nil where there are none.
func Of(backing any) Files {
	files, _ := backing.(Files)
	return files
}

// Check is the first error of the files' Check.
func (files Files) Check() error {
	for _, f := range files {
		if err := f.Check(); err != nil {
			return err
		}
	}
	return nil
}

// at is the mapped file that has an address, nil where none does.
func (files Files) at(addr uintptr) *File {
	for _, f := range files {
		if f.IsMapping() && f.holds(addr) {
			return f
		}
	}
	return nil
}

// Guard makes a fault at reading a mapping an error, where else it ends the process: a mapped file that was truncated has no
// pages to be read. It is for one goroutine and one function: defer Guard(files, &err)(). Other panics go on.
func Guard(files func() Files, err *error) func() {
	before := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(before)
		if v := recover(); v != nil {
			if e := files().Fault(v); e != nil {
				*err = e
				return
			}
			panic(v)
		}
	}
}

// Guard is the function of the same name for files that are known already.
func (files Files) Guard(err *error) func() { return Guard(func() Files { return files }, err) }

// Fault is the error behind a recovered panic where that is a fault in one of the files' mappings, else nil.
func (files Files) Fault(v any) error {
	e, ok := v.(interface {
		runtime.Error
		Addr() uintptr
	})
	if !ok {
		return nil
	}
	f := files.at(e.Addr())
	if f == nil {
		return nil
	}
	if err := f.Check(); err != nil {
		return err
	}
	return &ChangedError{f.path, "a part of it cannot be read"}
}

func address(part []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(part))) }

func (f *File) holds(addr uintptr) bool {
	start := address(f.data)
	return addr >= start && addr-start < uintptr(len(f.data))
}
