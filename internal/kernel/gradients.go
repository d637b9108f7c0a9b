package kernel

import "unsafe"

// The arguments of the derivatives on blocked data. _gen/gradients knows the offsets of the fields.

// poolGrad describes a row of outputs, whose gradients are added to dx at their taps. Distances are in bytes.
type poolGrad struct {
	x, y, dy, dx unsafe.Pointer // the first output's first tap, or the first output; an average has no x and y
	taps         *windowTap
	count, px    int
	cols         int
	scale        float32 // of an average
}

// normGrad describes a pass over n pixels of a block, where dy counts where mask, if there is one, is above zero (or NaN).
//
//	moments: dst[0] = Σ dy, dst[1] = Σ dy·(x-mean)
//	affine:  dst = a·dy + b·(x-mean) + c
type normGrad struct {
	dst, dy, x, mask *float32
	params           *[4][Block]float32 // mean, a, b, c
	n                int
}

// slopeArgs describes n ≥ 1 blocks.
type slopeArgs struct {
	dx, dy, v *float32
	n         int
	Slope
}

// lrnGradArgs describes one pixel, with distances in bytes; squares and terms have pad bytes of zeros before and behind.
type lrnGradArgs struct {
	dx, dy, x             *float32
	step, blocks          int
	squares, terms, power *float32
	pad, before, after    int
	size                  int // elements
	bias, scale, back     float32
}

// gradClampGeneric is the reference.
func gradClampGeneric(dx, dy, y *float32, n int, lo, hi float32) {
	n *= Block
	clampSlope(unsafe.Slice(dx, n), unsafe.Slice(dy, n), unsafe.Slice(y, n), lo, hi)
}

// clampSlope sets dx to dy where y is neither below or at lo nor at or beyond hi, else to 0.
func clampSlope(dx, dy, y []float32, lo, hi float32) {
	for i, v := range y {
		if v <= lo || v >= hi {
			dx[i] = 0
		} else {
			dx[i] = dy[i]
		}
	}
}

// gradPoolGeneric is the reference.
func gradPoolGeneric(kind PoolKind, g *poolGrad) {
	for col := range g.cols {
		v := *(*[Block]float32)(unsafe.Add(g.dy, col*blockBytes))
		for _, t := range unsafe.Slice(g.taps, g.count) {
			at := col*g.px + t.off
			to := (*[Block]float32)(unsafe.Add(g.dx, at))
			if kind == AveragePool {
				for i := range to {
					to[i] += v[i] * g.scale
				}
				continue
			}
			x, y := (*[Block]float32)(unsafe.Add(g.x, at)), (*[Block]float32)(unsafe.Add(g.y, col*blockBytes))
			for i := range to {
				if !(x[i] < y[i]) && !(x[i] > y[i]) { // equal, or the maximum is NaN
					to[i] += v[i]
					v[i] = 0
				}
			}
		}
	}
}

// planeMomentsGeneric is the reference: sums of x-shift, and of their squares.
func planeMomentsGeneric(y, x *float32, n int, shift *float32) {
	sums, squares, first := blockAt(y, 0), blockAt(y, blockBytes), blockAt(shift, 0)
	*sums, *squares = [Block]float32{}, [Block]float32{}
	for b := range n {
		for i, v := range blockAt(x, b*blockBytes) {
			d := v - first[i]
			sums[i] += d
			squares[i] += d * d
		}
	}
}

// each calls do with the index of each element, and with dy where it counts.
func (g *normGrad) each(do func(i int, dy, x float32)) {
	dy, x := unsafe.Slice(g.dy, g.n*Block), unsafe.Slice(g.x, g.n*Block)
	for i, v := range dy {
		if g.mask != nil && *(*float32)(unsafe.Add(unsafe.Pointer(g.mask), i*floatBytes)) <= 0 {
			v = 0
		}
		do(i, v, x[i]-g.params[0][i%Block])
	}
}

// gradMomentsGeneric is the reference.
func gradMomentsGeneric(g *normGrad) {
	sums := (*[2 * Block]float32)(unsafe.Pointer(g.dst))
	*sums = [2 * Block]float32{}
	g.each(func(i int, dy, x float32) {
		sums[i%Block] += dy
		sums[Block+i%Block] += dy * x
	})
}

// gradAffineGeneric is the reference.
func gradAffineGeneric(g *normGrad) {
	dst := unsafe.Slice(g.dst, g.n*Block)
	g.each(func(i int, dy, x float32) {
		j := i % Block
		dst[i] = g.params[1][j]*dy + g.params[2][j]*x + g.params[3][j]
	})
}

// slopeGeneric is the reference.
func slopeGeneric(a *slopeArgs) {
	dx, dy := unsafe.Slice(a.dx, a.n*Block), unsafe.Slice(a.dy, a.n*Block)
	for i, x := range unsafe.Slice(a.v, a.n*Block) {
		f := a.Constant + x*(a.Linear+x*a.Square)
		if x <= a.Lo {
			f = a.Below
		} else if x >= a.Hi {
			f = a.Above
		}
		dx[i] = dy[i] * f
	}
}
