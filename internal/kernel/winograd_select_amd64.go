//go:build !noasm

package kernel

import "unsafe"

// input transforms a patch; tmp holds t² blocks.
func (f *winogradForm) input(impl Impl, dst unsafe.Pointer, step int, src unsafe.Pointer, row int, tmp *float32) {
	d, s := (*float32)(dst), (*float32)(src)
	switch {
	case impl == AVX512 && f.t == 4:
		winogradInput4AVX512(d, step, s, row, tmp)
	case impl == AVX512:
		winogradInput6AVX512(d, step, s, row, tmp)
	case impl == AVX2 && f.t == 4:
		winogradInput4AVX2(d, step, s, row, tmp)
	case impl == AVX2:
		winogradInput6AVX2(d, step, s, row, tmp)
	default:
		f.inputGeneric(dst, step, src, row)
	}
}

// output makes a tile; a.tmp holds t² blocks.
func (f *winogradForm) output(impl Impl, a *winogradOut) {
	p := (*byte)(unsafe.Pointer(a))
	switch {
	case impl == AVX512 && f.t == 4:
		winogradOutput4x2AVX512(p)
	case impl == AVX512 && f.m == 4:
		winogradOutput6x4AVX512(p)
	case impl == AVX512:
		winogradOutput6x2AVX512(p)
	case impl == AVX2 && f.t == 4:
		winogradOutput4x2AVX2(p)
	case impl == AVX2 && f.m == 4:
		winogradOutput6x4AVX2(p)
	case impl == AVX2:
		winogradOutput6x2AVX2(p)
	default:
		f.outputGeneric(a)
	}
}

// filters transforms r×r filters of 16 channels to t×t; tmp holds t·r blocks.
func (f *winogradForm) filters(impl Impl, dst *float32, step int, src *float32, row int, tmp *float32) {
	switch {
	case impl == AVX512 && f.t == 4:
		winogradWeights4x3AVX512(dst, step, src, row, tmp)
	case impl == AVX512 && f.r == 3:
		winogradWeights6x3AVX512(dst, step, src, row, tmp)
	case impl == AVX512:
		winogradWeights6x5AVX512(dst, step, src, row, tmp)
	case impl == AVX2 && f.t == 4:
		winogradWeights4x3AVX2(dst, step, src, row, tmp)
	case impl == AVX2 && f.r == 3:
		winogradWeights6x3AVX2(dst, step, src, row, tmp)
	case impl == AVX2:
		winogradWeights6x5AVX2(dst, step, src, row, tmp)
	default:
		f.filtersGeneric(dst, step, src, row)
	}
}

// spread transforms a tile; tmp holds t·m blocks.
func (f *winogradForm) spread(impl Impl, dst unsafe.Pointer, step int, src unsafe.Pointer, row int, tmp *float32) {
	d, s := (*float32)(dst), (*float32)(src)
	switch {
	case impl == AVX512 && f.t == 4:
		winogradSpread4x2AVX512(d, step, s, row, tmp)
	case impl == AVX512 && f.m == 4:
		winogradSpread6x4AVX512(d, step, s, row, tmp)
	case impl == AVX512:
		winogradSpread6x2AVX512(d, step, s, row, tmp)
	case impl == AVX2 && f.t == 4:
		winogradSpread4x2AVX2(d, step, s, row, tmp)
	case impl == AVX2 && f.m == 4:
		winogradSpread6x4AVX2(d, step, s, row, tmp)
	case impl == AVX2:
		winogradSpread6x2AVX2(d, step, s, row, tmp)
	default:
		f.spreadGeneric(dst, step, src, row)
	}
}

// collect makes filters of 16 channels of t×t sums; tmp holds t·r blocks.
func (f *winogradForm) collect(impl Impl, dst *float32, step int, src *float32, srcStep int, tmp *float32) {
	switch {
	case impl == AVX512 && f.t == 4:
		winogradCollect4x3AVX512(dst, step, src, srcStep, tmp)
	case impl == AVX512 && f.r == 3:
		winogradCollect6x3AVX512(dst, step, src, srcStep, tmp)
	case impl == AVX512:
		winogradCollect6x5AVX512(dst, step, src, srcStep, tmp)
	case impl == AVX2 && f.t == 4:
		winogradCollect4x3AVX2(dst, step, src, srcStep, tmp)
	case impl == AVX2 && f.r == 3:
		winogradCollect6x3AVX2(dst, step, src, srcStep, tmp)
	case impl == AVX2:
		winogradCollect6x5AVX2(dst, step, src, srcStep, tmp)
	default:
		f.collectGeneric(dst, step, src, srcStep)
	}
}
