package main

import (
	"maps"
	"slices"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func field(base Register, disp int) Register {
	r := GP64()
	MOVQ(Mem{Base: base, Disp: disp}, r)
	return r
}

// describe begins func name(a *argument), and returns a.
func (s isa) describe(name, argument, doc string) Register {
	s.text(name, "func(a *"+argument+")", doc)
	return Load(Param("a"), GP64())
}

func (s isa) broadcast(m Mem) VecVirtual {
	r := s.new()
	VBROADCASTSS(m, r)
	return r
}

// Predicates, which NaN does not satisfy.
const lessOrEqual, greaterOrEqual = 2, 13

// replace puts r where v compares with bound as the predicate says.
func (s isa) replace(to, r, v, bound VecVirtual, predicate uint8) {
	if s.vec == 1 {
		k := K()
		VCMPPS(Imm(uint64(predicate)), bound, v, k)
		VMOVAPS(r, k, to)
		return
	}
	m := s.new()
	VCMPPS(Imm(uint64(predicate)), bound, v, m)
	VBLENDVPS(m, r, to, to)
}

// slope computes n ≥ 1 blocks as slopeArgs says.
func (s isa) slope() {
	a := s.describe("slope", "slopeArgs", "computes dx as the slopeArgs at a describe.")
	dx, dy, v, n := field(a, 0), field(a, 8), field(a, 16), field(a, 24)
	var f [7]VecVirtual // lo, hi, below, above, constant, linear, square
	for i := range f {
		f[i] = s.broadcast(Mem{Base: a, Disp: 32 + 4*i})
	}
	Label("loop")
	for h := range s.vec {
		x := s.load(v, 0, h)
		t := s.new()
		VMOVAPS(f[6], t)
		VFMADD213PS(f[5], x, t)
		VFMADD213PS(f[4], x, t)
		s.replace(t, f[2], x, f[0], lessOrEqual)
		s.replace(t, f[3], x, f[1], greaterOrEqual)
		VMULPS(s.at(dy, h), t, t)
		VMOVUPS(t, s.at(dx, h))
	}
	for _, p := range []Register{dx, dy, v} {
		ADDQ(Imm(blockBytes), p)
	}
	DECQ(n)
	JNE(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// Offsets of the fields of lrnGradArgs.
const lrnDx, lrnDy, lrnX, lrnStep, lrnBlocks, lrnSquares, lrnTerms, lrnPower, lrnPad, lrnBefore, lrnAfter, lrnSize, lrnBias, lrnScale, lrnBack = 0, 8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 100, 104

// lrn computes one pixel as lrnGradArgs says: squares, then powers and terms, then the gradient, block by block.
func (s isa) lrn() {
	a := s.describe("lrnGrad", "lrnGradArgs", "computes one pixel as the lrnGradArgs at a describe.")
	step, pad := field(a, lrnStep), field(a, lrnPad)
	// pass goes over the blocks of arrays, which are true where they lie step apart.
	pass := func(label string, arrays map[int]bool, body func(p map[int]Register, h int)) {
		p, order := map[int]Register{}, slices.Sorted(maps.Keys(arrays))
		for _, disp := range order {
			p[disp] = field(a, disp)
		}
		n := field(a, lrnBlocks)
		Label(label)
		for h := range s.vec {
			body(p, h)
		}
		for _, disp := range order {
			if arrays[disp] {
				ADDQ(step, p[disp])
			} else {
				ADDQ(Imm(blockBytes), p[disp])
			}
		}
		DECQ(n)
		JNE(LabelRef(label))
	}
	// around is the sum of the window that begins before bytes ahead of an element.
	around := func(label string, base Register, before, h int) VecVirtual {
		from, count, sum := GP64(), GP64(), s.new()
		MOVQ(base, from)
		SUBQ(Mem{Base: a, Disp: before}, from)
		MOVQ(Mem{Base: a, Disp: lrnSize}, count)
		VXORPS(sum, sum, sum)
		Label(label)
		VADDPS(Mem{Base: from, Disp: h * blockBytes / s.vec, Index: pad, Scale: 1}, sum, sum)
		ADDQ(Imm(4), from)
		DECQ(count)
		JNE(LabelRef(label))
		return sum
	}
	half := func(label string, h int) string { return label + string(rune('0'+h)) }

	pass("square", map[int]bool{lrnX: true, lrnSquares: false}, func(p map[int]Register, h int) {
		v := s.load(p[lrnX], 0, h)
		VMULPS(v, v, v)
		VMOVUPS(v, Mem{Base: p[lrnSquares], Index: pad, Scale: 1, Disp: h * blockBytes / s.vec})
	})
	bias, scale, one := s.broadcast(Mem{Base: a, Disp: lrnBias}), s.broadcast(Mem{Base: a, Disp: lrnScale}), s.broadcast(ConstData("one"+s.name(), F32(1)))
	pass("power", map[int]bool{lrnX: true, lrnDy: true, lrnSquares: false, lrnTerms: false, lrnPower: false}, func(p map[int]Register, h int) {
		sum := around(half("squares", h), p[lrnSquares], lrnBefore, h)
		VFMADD213PS(bias, scale, sum)
		root, fourth, power := s.new(), s.new(), s.new()
		VSQRTPS(sum, root)
		VSQRTPS(root, fourth)
		VMULPS(root, fourth, fourth)
		VDIVPS(fourth, one, power)
		VMOVUPS(power, s.at(p[lrnPower], h))
		VDIVPS(sum, power, power)
		VMULPS(s.at(p[lrnX], h), power, power)
		VMULPS(s.at(p[lrnDy], h), power, power)
		VMOVUPS(power, Mem{Base: p[lrnTerms], Index: pad, Scale: 1, Disp: h * blockBytes / s.vec})
	})
	back := s.broadcast(Mem{Base: a, Disp: lrnBack})
	pass("back", map[int]bool{lrnX: true, lrnDy: true, lrnDx: true, lrnTerms: false, lrnPower: false}, func(p map[int]Register, h int) {
		sum := around(half("terms", h), p[lrnTerms], lrnAfter, h)
		VMULPS(back, sum, sum)
		VMULPS(s.at(p[lrnX], h), sum, sum)
		v := s.load(p[lrnPower], 0, h)
		VFMADD231PS(s.at(p[lrnDy], h), v, sum)
		VMOVUPS(sum, s.at(p[lrnDx], h))
	})
	VZEROUPPER()
	RET()
}
