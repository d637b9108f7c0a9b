package kernel

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// AdviseLarge asks the system for large pages of memory for a long array that will be used often: for those that lie in it
// from beginning to end.
func AdviseLarge(bytes []byte) {
	const page = 2 << 20
	skip := (page - int(uintptr(unsafe.Pointer(unsafe.SliceData(bytes)))%page)) % page
	if n := (len(bytes) - skip) / page * page; n > 0 {
		unix.Madvise(bytes[skip:skip+n], unix.MADV_HUGEPAGE) // advice: that it is not taken does no harm
	}
}
