// Command update generates the steps of gradient descent and of Adam.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const blockBytes = 64

func main() {
	ConstraintExpr("!noasm")
	Package("./args")
	for _, vec := range []int{1, 2} {
		s := isa{vec}
		s.descent("momentum", "V' and W' by momentum", true, false)
		s.descent("nesterov", "V' and W' by Nesterov's momentum", true, true)
		s.descent("descent", "W' without momentum", false, false)
		s.adam()
		s.squares()
	}
	Generate()
}

// isa is an instruction set whose registers hold 16/vec numbers.
type isa struct{ vec int }

func (s isa) name() string { return map[int]string{1: "AVX512", 2: "AVX2"}[s.vec] }

func (s isa) new() VecVirtual {
	if s.vec == 1 {
		return ZMM()
	}
	return YMM()
}

func (s isa) at(base Register, half int) Mem { return Mem{Base: base, Disp: half * blockBytes / s.vec} }

func (s isa) load(base Register, half int) VecVirtual {
	r := s.new()
	VMOVUPS(s.at(base, half), r)
	return r
}

// Offsets of the fields of updateArgs in package kernel, and numbers of its factors.
const argW, argDw, argM, argV, argToW, argToM, argToV, argN, argFactors = 0, 8, 16, 24, 32, 40, 48, 56, 64

const (
	scale = iota
	decay
	rate
	beta1
	rest1
	beta2
	rest2
	unbias
	epsilon
	keep
)

func field(base Register, disp int) Register {
	r := GP64()
	MOVQ(Mem{Base: base, Disp: disp}, r)
	return r
}

func (s isa) factors(base Register, numbers ...int) map[int]VecVirtual {
	f := map[int]VecVirtual{}
	for _, i := range numbers {
		f[i] = s.new()
		VBROADCASTSS(Mem{Base: base, Disp: argFactors + 4*i}, f[i])
	}
	return f
}

func (s isa) loop(n Register, arrays []Register, body func(half int)) {
	Label("loop")
	for h := range s.vec {
		body(h)
	}
	for _, p := range arrays {
		ADDQ(Imm(blockBytes), p)
	}
	DECQ(n)
	JNE(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

func (s isa) text(name, doc string) Register {
	TEXT(name+s.name(), NOSPLIT, "func(a *updateArgs)")
	Pragma("noescape")
	Doc(name + s.name() + " " + doc)
	return Load(Param("a"), GP64())
}

// descent makes g = scale·dw + decay·w, v' = beta1·v + g, w' = w - rate·v', or rate·(g + beta1·v').
func (s isa) descent(name, doc string, momentum, nesterov bool) {
	a := s.text(name, "computes "+doc+" as the updateArgs at a describe.")
	w, dw, toW, n := field(a, argW), field(a, argDw), field(a, argToW), field(a, argN)
	f := s.factors(a, scale, decay, rate, beta1)
	arrays := []Register{w, dw, toW}
	var v, toV Register
	if momentum {
		v, toV = field(a, argV), field(a, argToV)
		arrays = append(arrays, v, toV)
	}
	s.loop(n, arrays, func(h int) {
		x, g := s.load(w, h), s.load(dw, h)
		VMULPS(f[scale], g, g)
		VFMADD231PS(f[decay], x, g)
		d := g
		if momentum {
			d = s.load(v, h)
			VFMADD213PS(g, f[beta1], d)
			VMOVUPS(d, s.at(toV, h))
		}
		if nesterov {
			VFMADD231PS(f[beta1], d, g)
			d = g
		}
		VFNMADD231PS(f[rate], d, x)
		VMOVUPS(x, s.at(toW, h))
	})
}

// adam makes g = scale·dw + decay·w, m' = beta1·m + rest1·g, v' = beta2·v + rest2·g², w' = keep·w -
// rate·m'/(√(v'·unbias) + epsilon).
func (s isa) adam() {
	a := s.text("adam", "computes M', V' and W' as the updateArgs at a describe.")
	w, dw, m, v := field(a, argW), field(a, argDw), field(a, argM), field(a, argV)
	toW, toM, toV, n := field(a, argToW), field(a, argToM), field(a, argToV), field(a, argN)
	numbers := []int{scale, decay, rate, beta1, rest1, beta2, rest2, unbias, epsilon, keep}
	f := s.factors(a, numbers...)
	s.loop(n, []Register{w, dw, m, v, toW, toM, toV}, func(h int) {
		x, g := s.load(w, h), s.load(dw, h)
		VMULPS(f[scale], g, g)
		VFMADD231PS(f[decay], x, g)
		mean := s.load(m, h)
		VMULPS(f[beta1], mean, mean)
		VFMADD231PS(f[rest1], g, mean)
		VMOVUPS(mean, s.at(toM, h))
		VMULPS(g, g, g)
		square := s.load(v, h)
		VMULPS(f[beta2], square, square)
		VFMADD231PS(f[rest2], g, square)
		VMOVUPS(square, s.at(toV, h))
		VMULPS(f[unbias], square, square)
		VSQRTPS(square, square)
		VADDPS(f[epsilon], square, square)
		VMULPS(f[rate], mean, mean)
		VDIVPS(square, mean, mean)
		VMULPS(f[keep], x, x)
		VSUBPS(mean, x, x)
		VMOVUPS(x, s.at(toW, h))
	})
}

// squares makes func(y, x *float32, n int): y holds the sums of the squares of n ≥ 1 blocks.
func (s isa) squares() {
	TEXT("squares"+s.name(), NOSPLIT, "func(y, x *float32, n int)")
	Pragma("noescape")
	Doc("squares" + s.name() + " sums the squares of n blocks.")
	y, x, n := Load(Param("y"), GP64()), Load(Param("x"), GP64()), Load(Param("n"), GP64())
	var sum []VecVirtual
	for range s.vec {
		r := s.new()
		VXORPS(r, r, r)
		sum = append(sum, r)
	}
	Label("loop")
	for h := range s.vec {
		v := s.load(x, h)
		VFMADD231PS(v, v, sum[h])
	}
	ADDQ(Imm(blockBytes), x)
	DECQ(n)
	JNE(LabelRef("loop"))
	for h := range s.vec {
		VMOVUPS(sum[h], s.at(y, h))
	}
	VZEROUPPER()
	RET()
}
