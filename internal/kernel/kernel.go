// Package kernel is the arithmetic of onnxrun: matrix products, convolutions, pooling, normalization, elementwise
// functions and copies on dense row-major arrays, float32 unless said otherwise.
//
// Kernels know nothing of threads. Each is prepared once, from a spec, into a struct that holds every decision: the
// algorithm, packed weights, the division into tasks. A prepared kernel has
//
//	Tasks() int       how many independent tasks the work is divided into; 0 when the output is empty
//	ScratchSize() int how many float32 of scratch a task needs; two tasks that run at once need two scratches
//	Run(task, dst, src…, scratch)
//
// Tasks write disjoint parts of dst and may run in any order, at once, and for several runs at once: Run changes
// nothing in the struct and allocates nothing. Scratch and dst need no initial contents. The field Split of a spec says
// how many tasks are wanted (a small multiple of the number of workers); the result does not depend on it, to the bit,
// because every output element is computed by one task, always in the same order.
//
// Some kernels of training take several steps, each with tasks of its own, of which the next begins when all tasks of one
// have ended: Pack before RunPacked, Run before Reduce, Moments before Finish. What one step hands to the next lies in
// buffers of the caller's.
//
// Specs are checked at preparation and bad ones are errors. Slices handed to Run must have the lengths that the spec
// says; a shorter one panics with Go's bounds error before memory outside it is touched.
package kernel

import (
	"fmt"
	"math"
	"unsafe"
)

// chunks divides the range 0 … total-1 into nearly equal runs, one a task. Kernels without scratch embed it.
type chunks struct{ total, tasks int }

// newChunks divides total into at most split runs of at least grain elements each.
func newChunks(total, split, grain int) chunks {
	return chunks{total, min(total, max(1, min(split, total/max(1, grain))))}
}

// Tasks returns the number of tasks.
func (c chunks) Tasks() int { return c.tasks }

// ScratchSize returns 0: the kernel needs no scratch.
func (c chunks) ScratchSize() int { return 0 }

func (c chunks) bounds(task int) (lo, hi int) {
	return task * c.total / c.tasks, (task + 1) * c.total / c.tasks
}

// grain is the least number of elements that is worth a task of its own in a memory-bound kernel.
const grain = 4096

func ceilDiv(a, b int) int { return (a + b - 1) / b }
func roundUp(a, b int) int { return ceilDiv(a, b) * b }

// count multiplies sizes; it fails for a negative size and where the product, in bytes, passes an int.
func count(what string, sizes ...int) (int, error) {
	const limit = math.MaxInt / 8
	n := 1
	for _, s := range sizes {
		if s < 0 {
			return 0, fmt.Errorf("kernel: %s: negative size in %v", what, sizes)
		}
		if s != 0 && n > limit/s {
			return 0, fmt.Errorf("kernel: %s: sizes %v are too large", what, sizes)
		}
		n *= s
	}
	return n, nil
}

func product(sizes []int) int {
	n := 1
	for _, s := range sizes {
		n *= s
	}
	return n
}

var inf = float32(math.Inf(1))

// alignedFloats is a slice of zeros that begins at a cache line, in large pages where the system gives them.
func alignedFloats(n int) []float32 {
	const line = blockBytes / floatBytes
	s := make([]float32, n+line)
	skip := (blockBytes - int(uintptr(unsafe.Pointer(&s[0]))%blockBytes)) % blockBytes / floatBytes
	AdviseLarge(unsafe.Slice((*byte)(unsafe.Pointer(&s[0])), len(s)*floatBytes))
	return s[skip : skip+n : skip+n]
}
