package runtime

import "github.com/onnxrun/onnxrun/internal/kernel"

// Limits is what the machine can do at most: float32 operations a second (a multiply-add is two) and bytes a second from
// memory.
type Limits struct{ FLOPS, Bandwidth float64 }

// MeasureLimits measures what the session's threads and kernels could reach, in about a tenth of a second.
func (s *Session) MeasureLimits() Limits {
	l := kernel.MeasureLimits(s.set, s.opts.Threads)
	return Limits{l.FLOPS, l.Bandwidth}
}

// Kernels is the name of the implementation that the session uses.
func (s *Session) Kernels() string { return s.set.String() }

// Kernels lists the implementations of the arithmetic that this machine has, the simplest first: the names that
// Options.Kernels takes.
func Kernels() []string {
	var names []string
	for _, set := range kernel.Sets() {
		names = append(names, set.String())
	}
	return names
}
