//go:build !noasm

package kernel

import "unsafe"

// planeMoments sums what blocks of x, at least one, have beyond shift, and its squares.
func planeMoments(impl Impl, y *[2 * Block]float32, x []float32, shift *[Block]float32) {
	switch impl {
	case AVX512:
		planeMomentsAVX512(&y[0], &x[0], len(x)/Block, &shift[0])
	case AVX2:
		planeMomentsAVX2(&y[0], &x[0], len(x)/Block, &shift[0])
	default:
		planeMomentsGeneric(y, x, shift)
	}
}

func gradMoments(impl Impl, g *normGrad) {
	switch impl {
	case AVX512:
		gradMomentsAVX512((*byte)(unsafe.Pointer(g)))
	case AVX2:
		gradMomentsAVX2((*byte)(unsafe.Pointer(g)))
	default:
		gradMomentsGeneric(g)
	}
}

func gradAffine(impl Impl, g *normGrad) {
	switch impl {
	case AVX512:
		gradAffineAVX512((*byte)(unsafe.Pointer(g)))
	case AVX2:
		gradAffineAVX2((*byte)(unsafe.Pointer(g)))
	default:
		gradAffineGeneric(g)
	}
}

// gradClamp sets dx to dy where y is neither below or at lo nor at or beyond hi, else to 0.
func gradClamp(impl Impl, dx, dy, y []float32, lo, hi float32) {
	n := len(dx) / Block
	if n > 0 && impl != Generic {
		_, _ = dy[:n*Block], y[:n*Block]
		if impl == AVX512 {
			gradClampAVX512(&dx[0], &dy[0], &y[0], n, lo, hi)
		} else {
			gradClampAVX2(&dx[0], &dy[0], &y[0], n, lo, hi)
		}
		dx, dy, y = dx[n*Block:], dy[n*Block:], y[n*Block:]
	}
	gradClampGeneric(dx, dy, y, lo, hi)
}

func gradPool(impl Impl, kind PoolKind, g *poolGrad) {
	p := (*byte)(unsafe.Pointer(g))
	switch {
	case impl == AVX512 && kind == MaxPool:
		gradMaxAVX512(p)
	case impl == AVX512:
		gradAverageAVX512(p)
	case impl == AVX2 && kind == MaxPool:
		gradMaxAVX2(p)
	case impl == AVX2:
		gradAverageAVX2(p)
	default:
		gradPoolGeneric(kind, g)
	}
}
