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

// narrowKernel computes narrowArgs.
type narrowKernel struct {
	run      func(a *narrowArgs)
	pixels   int // of a run
	channels int // at most
}

// narrowGeneric is the reference.
func narrowGeneric(pixels int, a *narrowArgs) {
	taps, w := unsafe.Slice(a.taps, a.count), unsafe.Slice(a.w, a.count*a.channels)
	for c, b := range unsafe.Slice(a.bias, a.channels) {
		y := unsafe.Slice((*float32)(unsafe.Add(a.y, c*a.ystep)), pixels)
		for i := range y {
			y[i] = b
		}
		for t, off := range taps {
			x := unsafe.Slice((*float32)(unsafe.Add(a.x, off)), pixels)
			for i, v := range x {
				y[i] += v * w[t*a.channels+c]
			}
		}
	}
}
