//go:build !unix

package hostfile

// nonblock: opening does not wait on this system.
const nonblock = 0
