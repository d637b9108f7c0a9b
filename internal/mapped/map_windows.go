package mapped

import (
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

const hasMappings = true

// mapFile maps size bytes of f read-only.
func mapFile(f *os.File, size int) (data []byte, unmap func(), err error) {
	h, err := windows.CreateFileMapping(windows.Handle(f.Fd()), nil, windows.PAGE_READONLY, 0, 0, nil)
	if err != nil {
		return nil, nil, err
	}
	defer windows.CloseHandle(h)
	addr, err := windows.MapViewOfFile(h, windows.FILE_MAP_READ, 0, 0, uintptr(size))
	if err != nil {
		return nil, nil, err
	}
	data = unsafe.Slice((*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&addr))), size)
	return data, func() { windows.UnmapViewOfFile(addr) }, nil
}

func discard([]byte) {}
