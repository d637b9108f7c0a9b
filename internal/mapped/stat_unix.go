//go:build unix

package mapped

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// stat is the size and the time of the last change of an open file, without allocating.
func stat(f *os.File) (size int64, modified time.Time, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return 0, time.Time{}, err
	}
	return st.Size, time.Unix(st.Mtim.Unix()), nil
}
