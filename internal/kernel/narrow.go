package kernel

import "unsafe"

// narrowArgs describes some output channels of a run of pixels that lie one behind the other,
//
//	y[c][i] = bias[c] + Σ_t x[taps[t] + 4i] · w[t][c]
//
// for i below narrowKernel.pixels. Distances are in bytes. _gen/narrow knows the offsets of the fields.
type narrowArgs struct {
	x        unsafe.Pointer
	taps     *int
	w        *float32
	bias     *float32
	y        unsafe.Pointer
	count    int // of taps, ≥ 1
	ystep    int // from one channel of y to the next
	channels int
}

// narrowKernel is an implementation of narrowArgs.
type narrowKernel struct {
	impl     Impl
	pixels   int // of a run
	channels int // at most
}

func newNarrowKernel(impl Impl) narrowKernel {
	switch impl.Resolve() {
	case AVX512:
		return narrowKernel{AVX512, 32, 8}
	case AVX2:
		return narrowKernel{AVX2, 16, 6}
	}
	return narrowKernel{Generic, 8, 8}
}

// narrowGeneric is the reference.
func narrowGeneric(k *narrowKernel, a *narrowArgs) {
	taps, w := unsafe.Slice(a.taps, a.count), unsafe.Slice(a.w, a.count*a.channels)
	for c, b := range unsafe.Slice(a.bias, a.channels) {
		y := unsafe.Slice((*float32)(unsafe.Add(a.y, c*a.ystep)), k.pixels)
		for i := range y {
			y[i] = b
		}
		for t, off := range taps {
			x := unsafe.Slice((*float32)(unsafe.Add(a.x, off)), k.pixels)
			for i, v := range x {
				y[i] += v * w[t*a.channels+c]
			}
		}
	}
}
