// Command winograd generates the transforms of Winograd's convolution: of input patches, of output tiles and of filters, and
// the transposed ones of the last two, for 16 channels at once.
package main

import (
	"fmt"
	"math"

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
		s.input(4)
		s.input(6)
		s.output(4, 2)
		s.output(6, 4)
		s.output(6, 2)
		s.weights(4, 3)
		s.weights(6, 3)
		s.weights(6, 5)
		s.spread(4, 2)
		s.spread(6, 4)
		s.spread(6, 2)
		s.collect(4, 3)
		s.collect(6, 3)
		s.collect(6, 5)
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

// constant is a register full of x.
func (s isa) constant(x float32) VecVirtual {
	r := s.new()
	VBROADCASTSS(NewDataAddr(Symbol{Name: constantData(x), Static: true}, 0), r)
	return r
}

var constants = map[float32]string{}

func constantData(x float32) string {
	if constants[x] == "" {
		constants[x] = fmt.Sprintf("winograd%x", math.Float32bits(x))
		GLOBL(constants[x], RODATA|NOPTR)
		DATA(0, F32(x))
	}
	return constants[x]
}

// input makes func(dst *float32, dstStep int, src *float32, srcRow int, tmp *float32): the transform Bᵀ·d·B of a t×t
// patch of pixels, whose rows lie srcRow bytes apart; the results, by row, lie dstStep bytes apart.
func (s isa) input(t int) {
	TEXT(fmt.Sprintf("winogradInput%d%s", t, s.name()), NOSPLIT, "func(dst *float32, dstStep int, src *float32, srcRow int, tmp *float32)")
	Pragma("noescape")
	Doc(fmt.Sprintf("transforms a %d×%d patch of 16 channels.", t, t))
	dst, step := Load(Param("dst"), GP64()), Load(Param("dstStep"), GP64())
	src, row := Load(Param("src"), GP64()), Load(Param("srcRow"), GP64())
	tmp := Load(Param("tmp"), GP64())
	var two, four, five VecVirtual
	if t == 6 {
		two, four, five = s.constant(2), s.constant(4), s.constant(5)
	}
	transform := func(d []VecVirtual) []VecVirtual {
		if t == 4 {
			return s.input4(d)
		}
		return s.input6(d, two, four, five)
	}
	for half := range s.vec {
		at := GP64()
		for col := range t {
			LEAQ(Mem{Base: src, Disp: col*blockBytes + half*s.width()}, at)
			d := s.news(t)
			for i := range t {
				VMOVUPS(Mem{Base: at}, d[i])
				if i+1 < t {
					ADDQ(row, at)
				}
			}
			for i, r := range transform(d) {
				VMOVUPS(r, Mem{Base: tmp, Disp: (i*t + col) * s.width()})
			}
		}
		MOVQ(dst, at)
		if half == 1 {
			ADDQ(Imm(uint64(s.width())), at)
		}
		for i := range t {
			d := s.news(t)
			for j := range t {
				VMOVUPS(Mem{Base: tmp, Disp: (i*t + j) * s.width()}, d[j])
			}
			for _, r := range transform(d) {
				VMOVUPS(r, Mem{Base: at})
				ADDQ(step, at)
			}
		}
	}
	VZEROUPPER()
	RET()
}

func (s isa) news(n int) []VecVirtual {
	r := make([]VecVirtual, n)
	for i := range r {
		r[i] = s.new()
	}
	return r
}

// op2 is a register with f(a, b).
func (s isa) op(f func(...Op), ops ...Op) VecVirtual {
	r := s.new()
	f(append(ops, r)...)
	return r
}

func (s isa) add(a, b VecVirtual) VecVirtual { return s.op(VADDPS, a, b) }
func (s isa) sub(a, b VecVirtual) VecVirtual { return s.op(VSUBPS, b, a) } // a - b

// fma is k·x + y, fms y - k·x, in a new register.
func (s isa) fma(k, x, y VecVirtual) VecVirtual {
	r := s.new()
	VMOVAPS(y, r)
	VFMADD231PS(k, x, r)
	return r
}

func (s isa) fnma(k, x, y VecVirtual) VecVirtual {
	r := s.new()
	VMOVAPS(y, r)
	VFNMADD231PS(k, x, r)
	return r
}

func (s isa) input4(d []VecVirtual) []VecVirtual {
	return []VecVirtual{s.sub(d[0], d[2]), s.add(d[1], d[2]), s.sub(d[2], d[1]), s.sub(d[1], d[3])}
}

func (s isa) input6(d []VecVirtual, two, four, five VecVirtual) []VecVirtual {
	a, b := s.fnma(four, d[2], d[4]), s.fnma(four, d[1], d[3])
	c, e := s.sub(d[4], d[2]), s.sub(d[3], d[1])
	r0 := s.fma(four, d[0], s.fnma(five, d[2], d[4]))
	r5 := s.fma(four, d[1], s.fnma(five, d[3], d[5]))
	return []VecVirtual{r0, s.add(a, b), s.sub(a, b), s.fma(two, e, c), s.fnma(two, e, c), r5}
}

// Offsets of the fields of winogradOut in package kernel.
const (
	outSrc, outStep, outTmp, outBias = 0, 8, 16, 24
	outDst, outRes, outRow           = 32, 40, 48
	outClamp, outLo, outHi           = 56, 64, 68
	outCheck, outBad                 = 72, 80
)

// steep is by how much sums are multiplied before they are looked at: those that the second half of a transform could make
// overflow do so already then.
const steep = 1 << 24

// output makes func(a *winogradOut): the transform Aᵀ·m·A of t×t products to an m×m tile, with bias, residual and clamp. A product
// goes into the first or the last sum of its row, so that these two tell whether all are finite.
func (s isa) output(t, m int) {
	TEXT(fmt.Sprintf("winogradOutput%dx%d%s", t, m, s.name()), NOSPLIT, "func(a *winogradOut)")
	Pragma("noescape")
	Doc(fmt.Sprintf("makes a %d×%d tile of 16 channels, as the winogradOut at a describes.", m, m))
	a := Load(Param("a"), GP64())
	field := func(disp int) GPVirtual {
		r := GP64()
		MOVQ(Mem{Base: a, Disp: disp}, r)
		return r
	}
	step, tmp, row := field(outStep), field(outTmp), field(outRow)
	var two, four, eight VecVirtual
	if t == 6 {
		two = s.constant(2)
	}
	if m == 4 {
		four, eight = s.constant(4), s.constant(8)
	}
	transform := func(x []VecVirtual) []VecVirtual {
		if t == 4 {
			return s.output4(x)
		}
		return s.output6(x, m, two, four, eight)
	}
	place := func(half, i, j int) Mem { return Mem{Base: tmp, Disp: ((half*t+i)*m + j) * s.width()} }
	large, all := s.constant(steep), s.new()
	VXORPS(all, all, all)
	for half := range s.vec {
		src := field(outSrc)
		if half == 1 {
			ADDQ(Imm(uint64(s.width())), src)
		}
		for i := range t { // rows of products: Aᵀ is applied along them first
			x := s.news(t)
			for j := range t {
				VMOVUPS(Mem{Base: src}, x[j])
				ADDQ(step, src)
			}
			for j, r := range transform(x) {
				VMOVUPS(r, place(half, i, j))
				if j == 0 || j == m-1 {
					VFMADD231PS(large, r, all)
				}
			}
		}
	}
	s.refuse(all, a)
	for half := range s.vec {
		bias := field(outBias)
		b := s.new()
		VMOVUPS(Mem{Base: bias, Disp: half * s.width()}, b)
		for j := range m {
			x := s.news(t)
			for i := range t {
				VMOVUPS(place(half, i, j), x[i])
			}
			s.finish(transform(x), b, a, row, fmt.Sprintf("%d_%d", half, j), j*blockBytes+half*s.width())
		}
	}
	VZEROUPPER()
	RET()
}

// refuse ends the function, if it is to look, where v is not finite.
func (s isa) refuse(v VecVirtual, a Register) {
	zero, found := s.new(), GP64()
	VXORPS(zero, zero, zero)
	VMULPS(zero, v, v) // NaN where it is not finite
	MOVQ(Mem{Base: a, Disp: outCheck}, found)
	TESTQ(found, found)
	JEQ(LabelRef("make"))
	if s.vec == 1 {
		k := K()
		VCMPPS(Imm(3), v, v, k)
		KMOVW(k, found.As32())
	} else {
		VCMPPS(Imm(3), v, v, v)
		VMOVMSKPS(v, found.As32())
	}
	TESTL(found.As32(), found.As32())
	JEQ(LabelRef("make"))
	MOVQ(found, Mem{Base: a, Disp: outBad})
	VZEROUPPER()
	RET()
	Label("make")
}

// finish stores a column of a tile.
func (s isa) finish(y []VecVirtual, bias VecVirtual, a, row Register, label string, disp int) {
	for i := range y {
		VADDPS(bias, y[i], y[i])
	}
	at := GP64()
	MOVQ(Mem{Base: a, Disp: outRes}, at)
	TESTQ(at, at)
	JEQ(LabelRef("plain" + label))
	for i := range y {
		VADDPS(Mem{Base: at, Disp: disp}, y[i], y[i])
		if i+1 < len(y) {
			ADDQ(row, at)
		}
	}
	Label("plain" + label)
	MOVQ(Mem{Base: a, Disp: outClamp}, at)
	TESTQ(at, at)
	JEQ(LabelRef("store" + label))
	lo, hi := s.new(), s.new()
	VBROADCASTSS(Mem{Base: a, Disp: outLo}, lo)
	VBROADCASTSS(Mem{Base: a, Disp: outHi}, hi)
	for i := range y { // the value last, so that NaN stays
		VMAXPS(y[i], lo, y[i])
		VMINPS(y[i], hi, y[i])
	}
	Label("store" + label)
	MOVQ(Mem{Base: a, Disp: outDst}, at)
	for i := range y {
		VMOVUPS(y[i], Mem{Base: at, Disp: disp})
		if i+1 < len(y) {
			ADDQ(row, at)
		}
	}
}

func (s isa) output4(x []VecVirtual) []VecVirtual {
	sum, diff := s.add(x[1], x[2]), s.sub(x[1], x[2])
	return []VecVirtual{s.add(x[0], sum), s.sub(diff, x[3])}
}

func (s isa) output6(x []VecVirtual, m int, two, four, eight VecVirtual) []VecVirtual {
	s1, d1, s2, d2 := s.add(x[1], x[2]), s.sub(x[1], x[2]), s.add(x[3], x[4]), s.sub(x[3], x[4])
	y0 := s.add(s.add(x[0], s1), s2)
	if m == 2 {
		return []VecVirtual{y0, s.add(s.fma(two, d2, d1), x[5])}
	}
	return []VecVirtual{y0, s.fma(two, d2, d1), s.fma(four, s2, s1), s.add(s.fma(eight, d2, d1), x[5])}
}

// weights makes func(dst *float32, dstStep int, src *float32, srcStep int, tmp *float32): the transform G·w·Gᵀ of an r×r
// filter to t×t, by row; both lie step bytes apart.
func (s isa) weights(t, r int) {
	TEXT(fmt.Sprintf("winogradWeights%dx%d%s", t, r, s.name()), NOSPLIT, "func(dst *float32, dstStep int, src *float32, srcStep int, tmp *float32)")
	Pragma("noescape")
	Doc(fmt.Sprintf("transforms %d×%d filters of 16 channels.", r, r))
	dst, step := Load(Param("dst"), GP64()), Load(Param("dstStep"), GP64())
	src, row := Load(Param("src"), GP64()), Load(Param("srcStep"), GP64())
	tmp := Load(Param("tmp"), GP64())
	g := s.filters(t, r)
	for half := range s.vec {
		at := GP64()
		LEAQ(Mem{Base: src, Disp: half * s.width()}, at)
		for i := range r { // rows of the filter: G is applied along them first
			d := s.news(r)
			for j := range r {
				VMOVUPS(Mem{Base: at}, d[j])
				ADDQ(row, at)
			}
			for j, v := range g(d) {
				VMOVUPS(v, Mem{Base: tmp, Disp: (j*r + i) * s.width()})
			}
		}
		for j := range t {
			d := s.news(r)
			for i := range r {
				VMOVUPS(Mem{Base: tmp, Disp: (j*r + i) * s.width()}, d[i])
			}
			LEAQ(Mem{Base: dst, Disp: half * s.width()}, at)
			for range j {
				ADDQ(step, at)
			}
			for i, v := range g(d) {
				VMOVUPS(v, Mem{Base: at})
				for k := 0; i+1 < t && k < t; k++ {
					ADDQ(step, at)
				}
			}
		}
	}
	VZEROUPPER()
	RET()
}

// filters is the product with G, whose rows come in pairs of one even and one odd part.
func (s isa) filters(t, r int) func(d []VecVirtual) []VecVirtual {
	mul := func(k float32, x VecVirtual) VecVirtual { return s.op(VMULPS, s.constant(k), x) }
	if t == 4 {
		return func(d []VecVirtual) []VecVirtual {
			e, o := mul(0.5, s.add(d[0], d[2])), mul(0.5, d[1])
			return []VecVirtual{d[0], s.add(e, o), s.sub(e, o), d[2]}
		}
	}
	return func(d []VecVirtual) []VecVirtual {
		even, odd := s.add(d[0], d[2]), d[1]
		even2, odd2 := s.fma(s.constant(1./6), d[2], mul(1./24, d[0])), mul(1./12, d[1])
		if r == 5 {
			even, odd = s.add(even, d[4]), s.add(odd, d[3])
			even2, odd2 = s.fma(s.constant(2./3), d[4], even2), s.fma(s.constant(1./3), d[3], odd2)
		}
		even, odd = mul(-1./6, even), mul(-1./6, odd)
		return []VecVirtual{mul(1./4, d[0]), s.add(even, odd), s.sub(even, odd), s.add(even2, odd2), s.sub(even2, odd2), d[r-1]}
	}
}

// spread makes func(dst *float32, dstStep int, src *float32, srcRow int, tmp *float32): the transform A·y·Aᵀ of an m×m tile
// of pixels, whose rows lie srcRow bytes apart, to t×t; the results, by row, lie dstStep bytes apart.
func (s isa) spread(t, m int) {
	TEXT(fmt.Sprintf("winogradSpread%dx%d%s", t, m, s.name()), NOSPLIT, "func(dst *float32, dstStep int, src *float32, srcRow int, tmp *float32)")
	Pragma("noescape")
	Doc(fmt.Sprintf("transforms a %d×%d tile of 16 channels back.", m, m))
	dst, step := Load(Param("dst"), GP64()), Load(Param("dstStep"), GP64())
	src, row := Load(Param("src"), GP64()), Load(Param("srcRow"), GP64())
	tmp := Load(Param("tmp"), GP64())
	transform := s.tile(t, m)
	for half := range s.vec {
		at := GP64()
		for col := range m {
			LEAQ(Mem{Base: src, Disp: col*blockBytes + half*s.width()}, at)
			d := s.news(m)
			for i := range m {
				VMOVUPS(Mem{Base: at}, d[i])
				if i+1 < m {
					ADDQ(row, at)
				}
			}
			for i, r := range transform(d) {
				VMOVUPS(r, Mem{Base: tmp, Disp: (i*m + col) * s.width()})
			}
		}
		MOVQ(dst, at)
		if half == 1 {
			ADDQ(Imm(uint64(s.width())), at)
		}
		for i := range t {
			d := s.news(m)
			for j := range m {
				VMOVUPS(Mem{Base: tmp, Disp: (i*m + j) * s.width()}, d[j])
			}
			for _, r := range transform(d) {
				VMOVUPS(r, Mem{Base: at})
				ADDQ(step, at)
			}
		}
	}
	VZEROUPPER()
	RET()
}

// tile is the product with A: values at the points of polynomials with m coefficients.
func (s isa) tile(t, m int) func(d []VecVirtual) []VecVirtual {
	if m == 2 {
		return func(d []VecVirtual) []VecVirtual {
			sum, diff := s.add(d[0], d[1]), s.sub(d[0], d[1])
			if t == 4 {
				zero := s.new()
				VXORPS(zero, zero, zero)
				return []VecVirtual{d[0], sum, diff, s.sub(zero, d[1])}
			}
			two := s.constant(2)
			return []VecVirtual{d[0], sum, diff, s.fma(two, d[1], d[0]), s.fnma(two, d[1], d[0]), d[1]}
		}
	}
	return func(d []VecVirtual) []VecVirtual {
		even, odd := s.add(d[0], d[2]), s.add(d[1], d[3])
		four := s.constant(4)
		even2, odd2 := s.fma(four, d[2], d[0]), s.fma(four, d[3], d[1])
		two := s.constant(2)
		return []VecVirtual{d[0], s.add(even, odd), s.sub(even, odd), s.fma(two, odd2, even2), s.fnma(two, odd2, even2), d[3]}
	}
}

// collect makes func(dst *float32, dstStep int, src *float32, srcStep int, tmp *float32): the transform Gᵀ·u·G of t×t sums to
// an r×r filter; both lie step bytes apart.
func (s isa) collect(t, r int) {
	TEXT(fmt.Sprintf("winogradCollect%dx%d%s", t, r, s.name()), NOSPLIT, "func(dst *float32, dstStep int, src *float32, srcStep int, tmp *float32)")
	Pragma("noescape")
	Doc(fmt.Sprintf("makes %d×%d filters of 16 channels.", r, r))
	dst, step := Load(Param("dst"), GP64()), Load(Param("dstStep"), GP64())
	src, row := Load(Param("src"), GP64()), Load(Param("srcStep"), GP64())
	tmp := Load(Param("tmp"), GP64())
	transform := s.sums(t, r)
	for half := range s.vec {
		at := GP64()
		LEAQ(Mem{Base: src, Disp: half * s.width()}, at)
		for i := range t {
			d := s.news(t)
			for j := range t {
				VMOVUPS(Mem{Base: at}, d[j])
				ADDQ(row, at)
			}
			for j, v := range transform(d) {
				VMOVUPS(v, Mem{Base: tmp, Disp: (j*t + i) * s.width()})
			}
		}
		for j := range r {
			d := s.news(t)
			for i := range t {
				VMOVUPS(Mem{Base: tmp, Disp: (j*t + i) * s.width()}, d[i])
			}
			LEAQ(Mem{Base: dst, Disp: half * s.width()}, at)
			for range j {
				ADDQ(step, at)
			}
			for i, v := range transform(d) {
				VMOVUPS(v, Mem{Base: at})
				for k := 0; i+1 < r && k < r; k++ {
					ADDQ(step, at)
				}
			}
		}
	}
	VZEROUPPER()
	RET()
}

// sums is the product with Gᵀ.
func (s isa) sums(t, r int) func(d []VecVirtual) []VecVirtual {
	mul := func(k float32, x VecVirtual) VecVirtual { return s.op(VMULPS, s.constant(k), x) }
	if t == 4 {
		return func(d []VecVirtual) []VecVirtual {
			even, odd := mul(0.5, s.add(d[1], d[2])), mul(0.5, s.sub(d[1], d[2]))
			return []VecVirtual{s.add(d[0], even), odd, s.add(d[3], even)}
		}
	}
	return func(d []VecVirtual) []VecVirtual {
		even, odd := mul(-1./6, s.add(d[1], d[2])), mul(-1./6, s.sub(d[1], d[2]))
		even2, odd2 := s.add(d[3], d[4]), s.sub(d[3], d[4])
		w := []VecVirtual{s.fma(s.constant(1./4), d[0], s.fma(s.constant(1./24), even2, even)), s.fma(s.constant(1./12), odd2, odd),
			s.fma(s.constant(1./6), even2, even)}
		if r == 5 {
			w = append(w, s.fma(s.constant(1./3), odd2, odd), s.fma(s.constant(2./3), even2, even))
		}
		w[r-1] = s.add(w[r-1], d[5])
		return w
	}
}
