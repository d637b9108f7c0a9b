//go:build !unix

package mapped

import (
	"os"
	"time"
)

// stat is the size and the time of the last change of an open file.
func stat(f *os.File) (size int64, modified time.Time, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, time.Time{}, err
	}
	return info.Size(), info.ModTime(), nil
}
