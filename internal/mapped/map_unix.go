//go:build unix

package mapped

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

const hasMappings = true

// mapFile maps size bytes of f read-only.
func mapFile(f *os.File, size int) (data []byte, unmap func(), err error) {
	data, err = unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, err
	}
	return data, func() { unix.Munmap(data) }, nil
}

// discard drops the pages that lie in part as a whole: part of a mapping that is only read, as no other memory has its
// bytes elsewhere.
func discard(part []byte) {
	page := os.Getpagesize()
	skip := (page - int(uintptr(unsafe.Pointer(unsafe.SliceData(part)))%uintptr(page))) % page
	if n := (len(part) - skip) / page * page; n > 0 {
		unix.Madvise(part[skip:skip+n], unix.MADV_DONTNEED) // advice: that it is not taken does no harm
	}
}
