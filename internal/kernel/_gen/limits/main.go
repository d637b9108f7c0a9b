// Command limits generates the loops that measure what a core can do: multiply-adds in registers, and reading memory.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func main() {
	ConstraintExpr("!noasm")
	for _, isa := range []struct {
		name  string
		sums  int
		bytes int
		new   func() VecVirtual
	}{{"AVX512", 24, 64, ZMM}, {"AVX2", 12, 32, YMM}} {
		TEXT("limitFMA"+isa.name, NOSPLIT, "func(rounds int)")
		Doc("computes independent multiply-adds, one for each of its registers a round.")
		rounds := Load(Param("rounds"), GP64())
		x, sums := isa.new(), make([]VecVirtual, isa.sums)
		VXORPS(x, x, x)
		for i := range sums {
			sums[i] = isa.new()
			VXORPS(sums[i], sums[i], sums[i])
		}
		Label("round")
		for _, s := range sums {
			VFMADD231PS(x, x, s)
		}
		DECQ(rounds)
		JNE(LabelRef("round"))
		VZEROUPPER()
		RET()

		TEXT("limitRead"+isa.name, NOSPLIT, "func(p *byte, rounds int)")
		Pragma("noescape")
		Doc("reads 512 bytes a round.")
		p, n := Load(Param("p"), GP64()), Load(Param("rounds"), GP64())
		v := make([]VecVirtual, 8)
		for i := range v {
			v[i] = isa.new()
			VXORPS(v[i], v[i], v[i])
		}
		Label("read")
		for i := range 512 / isa.bytes {
			VADDPS(Mem{Base: p, Disp: i * isa.bytes}, v[i%8], v[i%8])
		}
		ADDQ(U32(512), p)
		DECQ(n)
		JNE(LabelRef("read"))
		VZEROUPPER()
		RET()
	}
	Generate()
}
