//go:build !amd64

package runtime

import "runtime"

// pause lets others work.
func pause() { runtime.Gosched() }
