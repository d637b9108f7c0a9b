//go:build !unix && !windows

package mapped

import (
	"errors"
	"os"
)

// hasMappings: this system has no file mappings.
const hasMappings = false

func mapFile(*os.File, int) (data []byte, unmap func(), err error) {
	return nil, nil, errors.ErrUnsupported
}

func discard([]byte) {}
