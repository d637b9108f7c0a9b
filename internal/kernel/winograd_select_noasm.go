//go:build !amd64 || noasm

package kernel

import "unsafe"

func (f *winogradForm) input(_ Impl, dst unsafe.Pointer, step int, src unsafe.Pointer, row int, _ *float32) {
	f.inputGeneric(dst, step, src, row)
}

func (f *winogradForm) output(_ Impl, a *winogradOut) { f.outputGeneric(a) }

func (f *winogradForm) filters(_ Impl, dst *float32, step int, src *float32, row int, _ *float32) {
	f.filtersGeneric(dst, step, src, row)
}

func (f *winogradForm) spread(_ Impl, dst unsafe.Pointer, step int, src unsafe.Pointer, row int, _ *float32) {
	f.spreadGeneric(dst, step, src, row)
}

func (f *winogradForm) collect(_ Impl, dst *float32, step int, src *float32, srcStep int, _ *float32) {
	f.collectGeneric(dst, step, src, srcStep)
}
