// Command gradients generates what training needs channel by channel on blocked data: moments, the gradients of batch
// normalization, activations, pooling and local response normalization.
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
		s.moments()
		s.gradMoments()
		s.gradAffine()
		s.gradClamp()
		s.gradMax()
		s.gradAverage()
		s.slope()
		s.lrn()
	}
	Generate()
}

// isa is an instruction set whose registers hold 16/vec channels.
type isa struct{ vec int }

func (s isa) name() string { return map[int]string{1: "AVX512", 2: "AVX2"}[s.vec] }
func (s isa) width() int   { return blockBytes / s.vec }

func (s isa) new() VecVirtual {
	if s.vec == 1 {
		return ZMM()
	}
	return YMM()
}

func (s isa) zero() VecVirtual {
	r := s.new()
	VXORPS(r, r, r)
	return r
}

func (s isa) text(name, signature, doc string) {
	TEXT(name+s.name(), NOSPLIT, signature)
	Pragma("noescape")
	Doc(name + s.name() + " " + doc)
}

func (s isa) at(base Register, half int) Mem { return Mem{Base: base, Disp: half * s.width()} }

func (s isa) load(base Register, block, half int) VecVirtual {
	r := s.new()
	VMOVUPS(Mem{Base: base, Disp: block*blockBytes + half*s.width()}, r)
	return r
}

// keep is v where c compares with bound as the predicate says, else 0.
func (s isa) keep(v VecVirtual, c, bound Op, predicate uint8) {
	if s.vec == 1 {
		k := K()
		VCMPPS(Imm(uint64(predicate)), bound, c, k)
		VMOVAPS_Z(v, k, v)
		return
	}
	m := s.new()
	VCMPPS(Imm(uint64(predicate)), bound, c, m)
	VANDPS(m, v, v)
}

// Predicates; unordered values satisfy both.
const (
	equal            = 8 // EQ_UQ
	notLessOrEqual   = 6
	notGreaterOrSame = 9 // NGE: not greater than or equal
)

// moments makes func(y, x *float32, n int, shift *float32): y holds, for n ≥ 1 blocks, the sums of x-shift and of its
// squares.
func (s isa) moments() {
	s.text("planeMoments", "func(y, x *float32, n int, shift *float32)", "sums n blocks less shift, and their squares.")
	y, x, n, shift := Load(Param("y"), GP64()), Load(Param("x"), GP64()), Load(Param("n"), GP64()), Load(Param("shift"), GP64())
	var k, sum, square []VecVirtual
	for h := range s.vec {
		k, sum, square = append(k, s.load(shift, 0, h)), append(sum, s.zero()), append(square, s.zero())
	}
	Label("loop")
	for h := range s.vec {
		v := s.load(x, 0, h)
		VSUBPS(k[h], v, v)
		VADDPS(v, sum[h], sum[h])
		VFMADD231PS(v, v, square[h])
	}
	ADDQ(Imm(blockBytes), x)
	DECQ(n)
	JNE(LabelRef("loop"))
	for h := range s.vec {
		VMOVUPS(sum[h], s.at(y, h))
		VMOVUPS(square[h], s.at(y, s.vec+h))
	}
	VZEROUPPER()
	RET()
}

// Offsets of the fields of normGrad in package kernel.
const argDst, argDy, argX, argMask, argParams, argN = 0, 8, 16, 24, 32, 40

type pointers struct{ dst, dy, x, mask, params, n Register }

func load(base Register) pointers {
	field := func(disp int) Register {
		r := GP64()
		MOVQ(Mem{Base: base, Disp: disp}, r)
		return r
	}
	return pointers{field(argDst), field(argDy), field(argX), field(argMask), field(argParams), field(argN)}
}

// eachPixel makes two loops over pixels: with a mask, which keeps dy where it is above zero, and without.
func (s isa) eachPixel(p pointers, do func(half int, dy VecVirtual), dst bool) {
	zero := s.zero()
	TESTQ(p.mask, p.mask)
	JEQ(LabelRef("plain"))
	for _, label := range []string{"masked", "plain"} {
		Label(label)
		for h := range s.vec {
			dy := s.load(p.dy, 0, h)
			if label == "masked" {
				s.keep(dy, s.load(p.mask, 0, h), zero, notLessOrEqual)
			}
			do(h, dy)
		}
		ADDQ(Imm(blockBytes), p.dy)
		ADDQ(Imm(blockBytes), p.x)
		if label == "masked" {
			ADDQ(Imm(blockBytes), p.mask)
		}
		if dst {
			ADDQ(Imm(blockBytes), p.dst)
		}
		DECQ(p.n)
		JNE(LabelRef(label))
		if label == "masked" {
			JMP(LabelRef("end"))
		}
	}
	Label("end")
}

// gradMoments makes the sums of dy and of dy·(x-mean).
func (s isa) gradMoments() {
	s.text("gradMoments", "func(a *normGrad)", "makes the sums that the normGrad at a describes.")
	p := load(Load(Param("a"), GP64()))
	var mean, sum, product []VecVirtual
	for h := range s.vec {
		mean, sum, product = append(mean, s.load(p.params, 0, h)), append(sum, s.zero()), append(product, s.zero())
	}
	s.eachPixel(p, func(h int, dy VecVirtual) {
		x := s.load(p.x, 0, h)
		VSUBPS(mean[h], x, x)
		VADDPS(dy, sum[h], sum[h])
		VFMADD231PS(x, dy, product[h])
	}, false)
	for h := range s.vec {
		VMOVUPS(sum[h], s.at(p.dst, h))
		VMOVUPS(product[h], s.at(p.dst, s.vec+h))
	}
	VZEROUPPER()
	RET()
}

// gradAffine makes dx = a·dy + b·(x-mean) + c.
func (s isa) gradAffine() {
	s.text("gradAffine", "func(a *normGrad)", "makes dx as the normGrad at a describes.")
	p := load(Load(Param("a"), GP64()))
	var params [4][]VecVirtual // mean, a, b, c
	for i := range 2 {
		for h := range s.vec {
			params[i] = append(params[i], s.load(p.params, i, h))
		}
	}
	s.eachPixel(p, func(h int, dy VecVirtual) {
		x, v := s.load(p.x, 0, h), s.load(p.params, 3, h)
		VSUBPS(params[0][h], x, x)
		VFMADD231PS(Mem{Base: p.params, Disp: 2*blockBytes + h*s.width()}, x, v)
		VFMADD231PS(params[1][h], dy, v)
		VMOVUPS(v, s.at(p.dst, h))
	}, true)
	VZEROUPPER()
	RET()
}

// gradClamp makes func(dx, dy, y *float32, n int, lo, hi float32): dx is dy where y lies between lo and hi, else 0, for
// n ≥ 1 blocks.
func (s isa) gradClamp() {
	s.text("gradClamp", "func(dx, dy, y *float32, n int, lo, hi float32)", "keeps dy where y lies strictly between lo and hi.")
	dx, dy, y, n := Load(Param("dx"), GP64()), Load(Param("dy"), GP64()), Load(Param("y"), GP64()), Load(Param("n"), GP64())
	lo, hi := s.new(), s.new()
	VBROADCASTSS(Load(Param("lo"), XMM()), lo)
	VBROADCASTSS(Load(Param("hi"), XMM()), hi)
	Label("loop")
	for h := range s.vec {
		v, c := s.load(dy, 0, h), s.load(y, 0, h)
		s.keep(v, c, lo, notLessOrEqual)
		s.keep(v, c, hi, notGreaterOrSame)
		VMOVUPS(v, s.at(dx, h))
	}
	for _, p := range []Register{dx, dy, y} {
		ADDQ(Imm(blockBytes), p)
	}
	DECQ(n)
	JNE(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// Offsets of the fields of poolGrad in package kernel.
const poolX, poolY, poolDy, poolDx, poolTaps, poolCount, poolPx, poolCols, poolScale = 0, 8, 16, 24, 32, 40, 48, 56, 64

// gradMax adds each dy of a row to dx at the first of its taps whose x equals y.
func (s isa) gradMax() {
	s.text("gradMax", "func(a *poolGrad)", "spreads the row that the poolGrad at a describes.")
	a := Load(Param("a"), GP64())
	field := func(disp int) Register {
		r := GP64()
		MOVQ(Mem{Base: a, Disp: disp}, r)
		return r
	}
	x, y, dy, dx, cols, px := field(poolX), field(poolY), field(poolDy), field(poolDx), field(poolCols), field(poolPx)
	tap, count, off := GP64(), GP64(), GP64()
	Label("col")
	var top, v []VecVirtual
	for h := range s.vec {
		top, v = append(top, s.load(y, 0, h)), append(v, s.load(dy, 0, h))
	}
	MOVQ(Mem{Base: a, Disp: poolTaps}, tap)
	MOVQ(Mem{Base: a, Disp: poolCount}, count)
	Label("tap")
	MOVQ(Mem{Base: tap}, off)
	for h := range s.vec {
		from, to := Mem{Base: x, Index: off, Scale: 1, Disp: h * s.width()}, Mem{Base: dx, Index: off, Scale: 1, Disp: h * s.width()}
		found, rest := s.new(), s.new()
		if s.vec == 1 {
			k, not := K(), K()
			VCMPPS(Imm(equal), from, top[h], k)
			VMOVAPS_Z(v[h], k, found)
			KNOTW(k, not)
			VMOVAPS_Z(v[h], not, rest)
		} else {
			m := s.new()
			VCMPPS(Imm(equal), from, top[h], m)
			VANDPS(v[h], m, found)
			VANDNPS(v[h], m, rest)
		}
		VMOVAPS(rest, v[h])
		VADDPS(to, found, found)
		VMOVUPS(found, to)
	}
	ADDQ(Imm(16), tap)
	DECQ(count)
	JNE(LabelRef("tap"))
	ADDQ(px, x)
	ADDQ(px, dx)
	ADDQ(Imm(blockBytes), y)
	ADDQ(Imm(blockBytes), dy)
	DECQ(cols)
	JNE(LabelRef("col"))
	VZEROUPPER()
	RET()
}

// gradAverage adds each dy of a row, times scale, to dx at all of its taps.
func (s isa) gradAverage() {
	s.text("gradAverage", "func(a *poolGrad)", "spreads the row that the poolGrad at a describes.")
	a := Load(Param("a"), GP64())
	field := func(disp int) Register {
		r := GP64()
		MOVQ(Mem{Base: a, Disp: disp}, r)
		return r
	}
	dy, dx, cols, px := field(poolDy), field(poolDx), field(poolCols), field(poolPx)
	tap, count, off := GP64(), GP64(), GP64()
	scale := s.new()
	VBROADCASTSS(Mem{Base: a, Disp: poolScale}, scale)
	Label("col")
	var v []VecVirtual
	for h := range s.vec {
		r := s.load(dy, 0, h)
		VMULPS(scale, r, r)
		v = append(v, r)
	}
	MOVQ(Mem{Base: a, Disp: poolTaps}, tap)
	MOVQ(Mem{Base: a, Disp: poolCount}, count)
	Label("tap")
	MOVQ(Mem{Base: tap}, off)
	for h := range s.vec {
		to, sum := Mem{Base: dx, Index: off, Scale: 1, Disp: h * s.width()}, s.new()
		VADDPS(to, v[h], sum)
		VMOVUPS(sum, to)
	}
	ADDQ(Imm(16), tap)
	DECQ(count)
	JNE(LabelRef("tap"))
	ADDQ(px, dx)
	ADDQ(Imm(blockBytes), dy)
	DECQ(cols)
	JNE(LabelRef("col"))
	VZEROUPPER()
	RET()
}
