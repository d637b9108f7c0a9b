// Command tile_arm64 generates the micro-kernel of every matrix product and convolution on blocked data for NEON: a tile
// of up to 6 pixels by one block of 16 output channels. Four registers hold the sums of a pixel and one of it four of its
// input channels; those that are left take weights in turn, each loaded while the ones loaded earlier are multiplied.
package main

import (
	"fmt"

	"github.com/onnxrun/onnxrun/internal/kernel/_gen/arm64"
)

// Offsets of the fields of tileArgs in package kernel.
const (
	argX, argTaps, argW, argY = 0, 8, 16, 24
	argBias, argRes           = 32, 40
	argCount                  = 48
	argPx, argYPx             = 56, 64
	argWStep                  = 80
	argShape, argClamp        = 88, 96
	argLo, argHi              = 104, 108

	maxPixels = 6
	cols      = 4 // registers of a block
	lanes     = 4 // floats of a register
	regs      = 32
)

const (
	args, w, tap, taps, depth, wstep, at, tmp, ypx = arm64.R(0), arm64.R(1), arm64.R(2), arm64.R(3), arm64.R(4), arm64.R(5),
		arm64.R(6), arm64.R(7), arm64.R(16)
	pixels = arm64.R(8) // the first of as many as there are pixels
)

func main() {
	var f tile
	f.Func("tileNEON", "(a *tileArgs)", 8, "computes the tile that a describes, of one block.")
	f.Op("MOVD", "a+0(FP)", args)
	f.Op("MOVD", field(argW), w)
	f.Op("MOVD", field(argTaps), tap)
	f.Op("MOVD", field(argCount), taps)
	f.Op("MOVD", field(argWStep), wstep)
	f.Op("MOVD", field(argShape), tmp)
	for p := maxPixels; p > 0; p-- {
		f.Op("CMP", fmt.Sprintf("$%d", p+16), tmp)
		f.Op("BEQ", label("tile", p))
	}
	f.Op("RET")
	for p := 1; p <= maxPixels; p++ {
		f.p = p
		f.tile()
	}
	f.Write()
}

// tile is the code of tiles of p pixels.
type tile struct {
	arm64.File
	p int
}

func (f *tile) acc(i, j int) arm64.V     { return arm64.V(i*cols + j) }
func (f *tile) pixel(i int) arm64.V      { return arm64.V(f.p*cols + i) }
func (f *tile) address(i int) arm64.R    { return pixels + arm64.R(i) }
func (f *tile) weights() int             { return min(cols, regs-f.p*cols-f.p) }
func (f *tile) weight(n int) arm64.V     { return arm64.V(regs - 1 - n%f.weights()) }
func (f *tile) label(what string) string { return label(what, f.p) }

func label(what string, p int) string { return fmt.Sprintf("%s%d", what, p) }
func field(offset int) string         { return fmt.Sprintf("%d(%v)", offset, args) }

func (f *tile) tile() {
	f.Label(f.label("tile"))
	f.Op("MOVD", field(argBias), tmp)
	for j := range cols {
		f.Op("FMOVQ", fmt.Sprintf("%d(%v)", 16*j, tmp), f.acc(0, j).Q())
	}
	for i := 1; i < f.p; i++ {
		for j := range cols {
			f.Op("VMOV", f.acc(0, j).B(), f.acc(i, j).B())
		}
	}
	f.Label(f.label("tap"))
	f.Op("LDP.P", fmt.Sprintf("16(%v)", tap), fmt.Sprintf("(%v, %v)", at, depth))
	f.Op("MOVD", field(argX), f.address(0))
	f.Op("MOVD", field(argPx), tmp)
	for i := 1; i < f.p; i++ {
		f.Op("ADD", tmp, f.address(i-1), f.address(i))
	}
	f.Op("SUBS", fmt.Sprintf("$%d", lanes), depth)
	f.Op("BLT", f.label("rest"))
	f.Label(f.label("four"))
	f.channels(lanes)
	f.Op("SUBS", fmt.Sprintf("$%d", lanes), depth)
	f.Op("BGE", f.label("four"))
	f.Label(f.label("rest"))
	f.Op("ADDS", fmt.Sprintf("$%d", lanes), depth)
	f.Op("BEQ", f.label("next"))
	f.Label(f.label("one"))
	f.channels(1)
	f.Op("SUBS", "$1", depth)
	f.Op("BNE", f.label("one"))
	f.Label(f.label("next"))
	f.Op("SUBS", "$1", taps)
	f.Op("BNE", f.label("tap"))
	f.finish()
}

// channels adds the products of the next count input channels, 4 or 1.
func (f *tile) channels(count int) {
	load := func(n int) { // of the n-th register of weights
		f.Op("FMOVQ", fmt.Sprintf("%d(%v)", n%cols*16, w), f.weight(n).Q())
		if n%cols == cols-1 {
			f.Op("ADD", wstep, w)
		}
	}
	ahead := f.weights() - 1
	for n := range ahead {
		load(n)
	}
	for i := range f.p {
		if count == lanes {
			f.LDRQ(f.pixel(i), f.address(i), at)
		} else {
			f.Op("FMOVS", fmt.Sprintf("(%v)(%v)", f.address(i), at), f.pixel(i).Q())
		}
	}
	f.Op("ADD", fmt.Sprintf("$%d", 4*count), at)
	for n := range count * cols {
		if n+ahead < count*cols {
			load(n + ahead)
		}
		for i := range f.p {
			f.FMLALane(f.acc(i, n%cols), f.weight(n), f.pixel(i), n/cols)
		}
	}
}

// finish adds the residual, clamps and stores.
func (f *tile) finish() {
	x := pixels
	each := func(do func(i, j int, at string)) {
		for i := range f.p {
			for j := range cols {
				do(i, j, fmt.Sprintf("%d(%v)", 16*j, x))
			}
			if i+1 < f.p {
				f.Op("ADD", ypx, x)
			}
		}
	}
	a, b := f.pixel(0), f.pixel(0)+1
	mask := b + 1
	f.Op("MOVD", field(argYPx), ypx)
	f.Op("MOVD", field(argRes), x)
	f.Op("CBZ", x, f.label("clamp"))
	each(func(i, j int, at string) {
		f.Op("FMOVQ", at, a.Q())
		f.FADD(f.acc(i, j), f.acc(i, j), a)
	})
	f.Label(f.label("clamp"))
	f.Op("MOVD", field(argClamp), tmp)
	f.Op("CBZ", tmp, f.label("store"))
	f.Op("ADD", fmt.Sprintf("$%d", argLo), args, tmp)
	f.Op("VLD1R", fmt.Sprintf("(%v)", tmp), fmt.Sprintf("[%v]", a))
	f.Op("ADD", fmt.Sprintf("$%d", argHi-argLo), tmp)
	f.Op("VLD1R", fmt.Sprintf("(%v)", tmp), fmt.Sprintf("[%v]", b))
	for i := range f.p {
		for j := range cols { // by comparison, not FMAX and FMIN, so that NaN and the sign of zero stay
			f.FCMGT(mask, a, f.acc(i, j))
			f.Op("VBIT", mask.B(), a.B(), f.acc(i, j).B())
			f.FCMGT(mask, f.acc(i, j), b)
			f.Op("VBIT", mask.B(), b.B(), f.acc(i, j).B())
		}
	}
	f.Label(f.label("store"))
	f.Op("MOVD", field(argY), x)
	each(func(i, j int, at string) { f.Op("FMOVQ", f.acc(i, j).Q(), at) })
	f.Op("RET")
}
