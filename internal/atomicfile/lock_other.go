//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package atomicfile

import (
	"errors"
	"os"
)

// lockFolder would lock a folder.
func lockFolder(string) (*os.File, error) { return nil, errors.ErrUnsupported }
