//go:build !unix && !windows

package importer

import (
	"io"
	"os"
)

// mapFile reads size bytes of f: this system has no file mappings.
func mapFile(f *os.File, size int) (data []byte, unmap func(), err error) {
	data = make([]byte, size)
	_, err = io.ReadFull(f, data)
	return data, func() {}, err
}

func discard([]byte) {}
