package kernel

import "unsafe"

// winogradForm is a minimal filtering algorithm F(m×m, r×r): tiles of m×m outputs from patches of t×t inputs, t = m+r-1,
// with t² products in place of m²r². A. Lavin and S. Gray, Fast Algorithms for Convolutional Neural Networks, 2015.
// bt, g and at are the matrices Bᵀ (t×t), G (t×r) and Aᵀ (m×t), row by row.
type winogradForm struct {
	name      string
	m, r, t   int
	bt, g, at []float64
}

// The points are 0, ±1, ±2 and infinity; bt6 serves every r with six points.
var (
	bt4 = []float64{
		1, 0, -1, 0,
		0, 1, 1, 0,
		0, -1, 1, 0,
		0, 1, 0, -1,
	}
	bt6 = []float64{
		4, 0, -5, 0, 1, 0,
		0, -4, -4, 1, 1, 0,
		0, 4, -4, -1, 1, 0,
		0, -2, -1, 2, 1, 0,
		0, 2, -1, -2, 1, 0,
		0, 4, 0, -5, 0, 1,
	}
)

var winogradForms = [...]winogradForm{
	{
		name: "winograd-2x2-3x3", m: 2, r: 3, t: 4, bt: bt4,
		g: []float64{
			1, 0, 0,
			0.5, 0.5, 0.5,
			0.5, -0.5, 0.5,
			0, 0, 1,
		},
		at: []float64{
			1, 1, 1, 0,
			0, 1, -1, -1,
		},
	}, {
		name: "winograd-4x4-3x3", m: 4, r: 3, t: 6, bt: bt6,
		g: []float64{
			1. / 4, 0, 0,
			-1. / 6, -1. / 6, -1. / 6,
			-1. / 6, 1. / 6, -1. / 6,
			1. / 24, 1. / 12, 1. / 6,
			1. / 24, -1. / 12, 1. / 6,
			0, 0, 1,
		},
		at: []float64{
			1, 1, 1, 1, 1, 0,
			0, 1, -1, 2, -2, 0,
			0, 1, 1, 4, 4, 0,
			0, 1, -1, 8, -8, 1,
		},
	}, {
		name: "winograd-2x2-5x5", m: 2, r: 5, t: 6, bt: bt6,
		g: []float64{
			1. / 4, 0, 0, 0, 0,
			-1. / 6, -1. / 6, -1. / 6, -1. / 6, -1. / 6,
			-1. / 6, 1. / 6, -1. / 6, 1. / 6, -1. / 6,
			1. / 24, 1. / 12, 1. / 6, 1. / 3, 2. / 3,
			1. / 24, -1. / 12, 1. / 6, -1. / 3, 2. / 3,
			0, 0, 0, 0, 1,
		},
		at: []float64{
			1, 1, 1, 1, 1, 0,
			0, 1, -1, 2, -2, 1,
		},
	},
}

// weights computes u = G·w·Gᵀ, t×t, of an r×r filter.
func (f *winogradForm) weights(u *[36]float64, w []float32) {
	var half [36]float64
	clear(u[:])
	for i := range f.t {
		for k := range f.r {
			for j := range f.r {
				half[i*f.r+j] += f.g[i*f.r+k] * float64(w[k*f.r+j])
			}
		}
	}
	for i := range f.t {
		for j := range f.t {
			for k := range f.r {
				u[i*f.t+j] += half[i*f.r+k] * f.g[j*f.r+k]
			}
		}
	}
}

// winogradKernel is the transforms of a form. tmp has room for t² blocks.
type winogradKernel struct {
	input   winogradTransform // a t×t patch of a block, whose rows lie row bytes apart, to products' operands step bytes apart
	filters winogradTransform // r×r filters of 16 channels, row bytes apart, to t×t, step bytes apart
	spread  winogradTransform // an m×m tile of a block, as a patch: A·y·Aᵀ
	collect winogradTransform // t×t sums of 16 channels, row bytes apart, to an r×r filter, step bytes apart: Gᵀ·u·G
	output  func(a *winogradOut)
}

type winogradTransform = func(dst *float32, step int, src *float32, row int, tmp *float32)

// winogradOut describes an output tile: t×t products of a block, step bytes apart, become m×m pixels at dst, whose rows
// lie row bytes apart, plus bias, plus res (nil: none; laid out as dst), clamped. If check is set and some product is not
// finite, or so large that its sums might not be, bad is set instead. _gen/winograd knows the offsets.
type winogradOut struct {
	src    *float32
	step   int
	tmp    *float32
	bias   *float32
	dst    unsafe.Pointer
	res    unsafe.Pointer
	row    int
	clamp  int
	lo, hi float32
	check  int
	bad    int
}

// inputGeneric is the reference.
func (f *winogradForm) inputGeneric(dst *float32, step int, src *float32, row int, _ *float32) {
	var tmp [6 * 6][Block]float32
	for i := range f.t {
		for col := range f.t {
			acc := &tmp[i*f.t+col]
			for k := range f.t {
				axpy(acc, float32(f.bt[i*f.t+k]), blockAt(src, k*row+col*blockBytes))
			}
		}
	}
	for i := range f.t {
		for j := range f.t {
			var acc [Block]float32
			for k := range f.t {
				axpy(&acc, float32(f.bt[j*f.t+k]), &tmp[i*f.t+k])
			}
			*blockAt(dst, (i*f.t+j)*step) = acc
		}
	}
}

// filtersGeneric is the reference.
func (f *winogradForm) filtersGeneric(dst *float32, step int, src *float32, row int, _ *float32) {
	var tmp [6 * 6][Block]float32
	for i := range f.t {
		for j := range f.r {
			for k := range f.r {
				axpy(&tmp[i*f.r+j], float32(f.g[i*f.r+k]), blockAt(src, (k*f.r+j)*row))
			}
		}
	}
	for i := range f.t {
		for j := range f.t {
			var acc [Block]float32
			for k := range f.r {
				axpy(&acc, float32(f.g[j*f.r+k]), &tmp[i*f.r+k])
			}
			*blockAt(dst, (i*f.t+j)*step) = acc
		}
	}
}

// outputGeneric is the reference.
func (f *winogradForm) outputGeneric(a *winogradOut) {
	var tmp [6 * 6][Block]float32
	for i := range f.t {
		for j := range f.m {
			for k := range f.t {
				axpy(&tmp[i*f.m+j], float32(f.at[j*f.t+k]), blockAt(a.src, (i*f.t+k)*a.step))
			}
		}
	}
	if a.check != 0 && !moderate(tmp[:f.t*f.m]) {
		a.bad = 1
		return
	}
	for i := range f.m {
		for j := range f.m {
			var acc [Block]float32
			for k := range f.t {
				axpy(&acc, float32(f.at[i*f.t+k]), &tmp[k*f.m+j])
			}
			axpy(&acc, 1, (*[Block]float32)(unsafe.Pointer(a.bias)))
			at := i*a.row + j*blockBytes
			if a.res != nil {
				axpy(&acc, 1, (*[Block]float32)(unsafe.Add(a.res, at)))
			}
			if a.clamp != 0 {
				for l := range acc {
					acc[l] = limit(acc[l], a.lo, a.hi)
				}
			}
			*(*[Block]float32)(unsafe.Add(a.dst, at)) = acc
		}
	}
}

// moderate reports whether sums are finite, and those of a few of them will be.
func moderate(sums [][Block]float32) bool {
	const most = 1 << 104
	for i := range sums {
		for _, v := range sums[i] {
			if !(-most < v && v < most) {
				return false
			}
		}
	}
	return true
}

// spreadGeneric is the reference.
func (f *winogradForm) spreadGeneric(dst *float32, step int, src *float32, row int, _ *float32) {
	var tmp [6 * 6][Block]float32
	for i := range f.t {
		for col := range f.m {
			for k := range f.m {
				axpy(&tmp[i*f.m+col], float32(f.at[k*f.t+i]), blockAt(src, k*row+col*blockBytes))
			}
		}
	}
	for i := range f.t {
		for j := range f.t {
			var acc [Block]float32
			for k := range f.m {
				axpy(&acc, float32(f.at[k*f.t+j]), &tmp[i*f.m+k])
			}
			*blockAt(dst, (i*f.t+j)*step) = acc
		}
	}
}

// collectGeneric is the reference.
func (f *winogradForm) collectGeneric(dst *float32, step int, src *float32, row int, _ *float32) {
	var tmp [6 * 6][Block]float32
	for i := range f.t {
		for j := range f.r {
			for k := range f.t {
				axpy(&tmp[i*f.r+j], float32(f.g[k*f.r+j]), blockAt(src, (i*f.t+k)*row))
			}
		}
	}
	for i := range f.r {
		for j := range f.r {
			var acc [Block]float32
			for k := range f.t {
				axpy(&acc, float32(f.g[k*f.r+i]), &tmp[k*f.r+j])
			}
			*blockAt(dst, (i*f.r+j)*step) = acc
		}
	}
}

func axpy(y *[Block]float32, k float32, x *[Block]float32) {
	if k == 0 {
		return
	}
	for i := range y {
		y[i] += k * x[i]
	}
}
