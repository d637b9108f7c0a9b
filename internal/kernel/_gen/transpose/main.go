// Command transpose generates the transposition of 8×8 elements, for changes of layout.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func main() {
	ConstraintExpr("!noasm")
	TEXT("transpose8AVX2", NOSPLIT, "func(dst, src *float32, dstRow, srcRow, dstStep, srcStep, n int)")
	Pragma("noescape")
	Doc("transposes n squares of 8×8; rows and squares lie the given numbers of bytes apart.")
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	dstRow, srcRow := Load(Param("dstRow"), GP64()), Load(Param("srcRow"), GP64())
	dstStep, srcStep := Load(Param("dstStep"), GP64()), Load(Param("srcStep"), GP64())
	n := Load(Param("n"), GP64())
	dst3, src3, at := GP64(), GP64(), GP64()
	LEAQ(Mem{Base: dstRow, Index: dstRow, Scale: 2}, dst3)
	LEAQ(Mem{Base: srcRow, Index: srcRow, Scale: 2}, src3)
	row := func(base, far, one, three Register, i int) Mem {
		m := Mem{Base: base}
		if i >= 4 {
			m.Base, i = far, i-4
		}
		switch i {
		case 1, 2:
			return m.Idx(one, uint8(i))
		case 3:
			return m.Idx(three, 1)
		}
		return m
	}
	Label("square")
	LEAQ(Mem{Base: src, Index: srcRow, Scale: 4}, at)
	r := make([]VecVirtual, 8)
	for i := range r {
		r[i] = YMM()
		VMOVUPS(row(src, at, srcRow, src3, i), r[i])
	}
	pair := func(f func(a, b Op, to VecVirtual), a, b VecVirtual) VecVirtual {
		to := YMM()
		f(b, a, to)
		return to
	}
	unpack := make([]VecVirtual, 8) // pairs of rows, their elements in turn
	for i := 0; i < 8; i += 2 {
		unpack[i] = pair(func(a, b Op, to VecVirtual) { VUNPCKLPS(a, b, to) }, r[i], r[i+1])
		unpack[i+1] = pair(func(a, b Op, to VecVirtual) { VUNPCKHPS(a, b, to) }, r[i], r[i+1])
	}
	quad := make([]VecVirtual, 8) // quadruples of rows: column 0 and 4, 1 and 5, 2 and 6, 3 and 7, of each half
	for half := range 2 {
		for i := range 2 {
			a, b := unpack[4*half+i], unpack[4*half+2+i]
			quad[4*half+2*i] = pair(func(a, b Op, to VecVirtual) { VSHUFPS(Imm(0x44), a, b, to) }, a, b)
			quad[4*half+2*i+1] = pair(func(a, b Op, to VecVirtual) { VSHUFPS(Imm(0xee), a, b, to) }, a, b)
		}
	}
	LEAQ(Mem{Base: dst, Index: dstRow, Scale: 4}, at)
	for i := range 8 {
		order := uint64(0x20)
		if i >= 4 {
			order = 0x31
		}
		to := YMM()
		VPERM2F128(Imm(order), quad[4+i%4], quad[i%4], to)
		VMOVUPS(to, row(dst, at, dstRow, dst3, i))
	}
	ADDQ(dstStep, dst)
	ADDQ(srcStep, src)
	DECQ(n)
	JNE(LabelRef("square"))
	VZEROUPPER()
	RET()
	Generate()
}
