// Command vmath generates functions of arrays: elementary functions, arithmetic, and the reductions of rows that
// normalizations are made of. All take whole vectors of 16 elements.
package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func main() {
	ConstraintExpr("!noasm")
	for _, s := range []isa{{"AVX512", 64}, {"AVX2", 32}} {
		s.unary("Exp", func(x, _, _ vector) vector { return s.exp(x) })
		s.unary("Sigmoid", func(x, _, _ vector) vector { return s.sigmoid(x) })
		s.unary("Swish", func(x, alpha, _ vector) vector { return s.mul(x, s.quickSigmoid(s.mul(x, alpha))) })
		s.unary("Tanh", func(x, _, _ vector) vector { return s.tanh(x) })
		s.unary("Erf", func(x, _, _ vector) vector { return s.erf(x) })
		s.unary("Gelu", func(x, _, _ vector) vector {
			half := s.mul(x, s.konst(0.5))
			return s.mul(half, s.add(s.konst(1), s.quickErf(s.mul(x, s.konst(math.Sqrt(0.5)))))) // -0 where nothing is left
		})
		s.unary("Relu", func(x, _, _ vector) vector { return s.max(s.konst(0), x) })
		s.unary("Clip", func(x, lo, hi vector) vector { return s.min(hi, s.max(lo, x)) })
		s.unary("HardSigmoid", func(x, alpha, beta vector) vector { return s.unit(s.fma(x, alpha, beta)) })
		s.unary("HardSwish", func(x, _, _ vector) vector {
			return s.mul(x, s.unit(s.fma(x, s.konst(1./6), s.konst(0.5))))
		})
		for q := 1; q <= 3; q++ {
			s.unary(fmt.Sprintf("Power%d", q), func(x, _, _ vector) vector { return s.quarters(x, q) })
			s.unary(fmt.Sprintf("PowerMinus%d", q), func(x, _, _ vector) vector { return s.div(s.konst(1), s.quarters(x, q)) })
		}
		s.unary("Neg", func(x, _, _ vector) vector { return s.xor(x, signBit) })
		s.unary("Sqrt", func(x, _, _ vector) vector { return s.sqrt(x) })
		s.unary("Affine", func(x, alpha, beta vector) vector { return s.fma(x, alpha, beta) })
		s.binary("Add", VADDPS)
		s.binary("Sub", VSUBPS)
		s.binary("Mul", VMULPS)
		s.binary("Div", VDIVPS)
		s.reduce("Max", func(acc, x, _ vector) { VMAXPS(x, acc, acc) }, VMAXPS)
		s.reduce("Sum", func(acc, x, _ vector) { VADDPS(x, acc, acc) }, VADDPS)
		s.reduce("Squares", func(acc, x, mean vector) {
			d := s.sub(x, mean)
			VFMADD231PS(d, d, acc)
		}, VADDPS)
		s.expSum()
		s.normalize()
		s.softmax(4)
		s.softmax(1)
		s.pixelScale()
	}
	Generate()
}

// vector is a vector register.
type vector = VecVirtual

// isa is an instruction set with registers of size bytes.
type isa struct {
	name string
	size int
}

func (s isa) new() vector {
	if s.size == 64 {
		return ZMM()
	}
	return YMM()
}

var constants = map[string]Mem{}

// mem is a constant vector of the float32 nearest to x.
func (s isa) mem(x float64) Mem { return s.bits(math.Float32bits(float32(x))) }

func (s isa) bits(b uint32) Mem {
	name := fmt.Sprintf("vmath%08x", b)
	if _, ok := constants[name]; !ok {
		constants[name] = GLOBL(name, RODATA|NOPTR)
		for i := range 16 {
			DATA(4*i, U32(b))
		}
	}
	return NewDataAddr(Symbol{Name: name, Static: true}, 0)
}

// konst is a register full of x.
func (s isa) konst(x float64) vector {
	r := s.new()
	VBROADCASTSS(s.mem(x), r)
	return r
}

func (s isa) op(f func(...Op), a, b Op) vector {
	r := s.new()
	f(b, a, r)
	return r
}

func (s isa) mul(a, b vector) vector { return s.op(VMULPS, a, b) }
func (s isa) add(a, b vector) vector { return s.op(VADDPS, a, b) }
func (s isa) sub(a, b vector) vector { return s.op(VSUBPS, a, b) }
func (s isa) div(a, b vector) vector { return s.op(VDIVPS, a, b) }

// max and min give x where x is NaN.
func (s isa) max(bound, x vector) vector { return s.op(VMAXPS, bound, x) }
func (s isa) min(bound, x vector) vector { return s.op(VMINPS, bound, x) }

// unit limits x to 0 … 1.
func (s isa) unit(x vector) vector { return s.min(s.konst(1), s.max(s.konst(0), x)) }

// fma is a·b + c.
func (s isa) fma(a, b, c vector) vector {
	r := s.new()
	VMOVAPS(c, r)
	VFMADD231PS(a, b, r)
	return r
}

// poly is the polynomial with the coefficients c, the constant first.
func (s isa) poly(x vector, c ...float64) vector {
	r := s.konst(c[len(c)-1])
	for i := len(c) - 2; i >= 0; i-- {
		if s.size == 64 { // a whole vector of constants might lie across two cache lines
			VFMADD213PS_BCST(s.mem(c[i]), x, r)
		} else {
			VFMADD213PS(s.mem(c[i]), x, r)
		}
	}
	return r
}

func (s isa) and(x vector, bits uint32) vector {
	if s.size == 64 {
		return s.op(VANDPS_BCST, x, s.bits(bits))
	}
	return s.op(VANDPS, x, s.bits(bits))
}

func (s isa) xor(x vector, bits uint32) vector {
	if s.size == 64 {
		return s.op(VXORPS_BCST, x, s.bits(bits))
	}
	return s.op(VXORPS, x, s.bits(bits))
}

func (s isa) or(a, b vector) vector { return s.op(VORPS, a, b) }

// less is a where x < bound, else b.
func (s isa) less(x vector, bound float64, a, b vector) vector {
	r := s.new()
	VMOVAPS(b, r)
	if s.size == 64 {
		k := K()
		VCMPPS(Imm(1), s.konst(bound), x, k)
		VMOVAPS(a, k, r)
		return r
	}
	mask := s.new()
	VCMPPS(Imm(1), s.mem(bound), x, mask)
	VBLENDVPS(mask, a, b, r)
	return r
}

// exp is 2ⁿ·eʳ, n the whole number nearest to x/ln 2. eʳ is 1 + r + r²·p(r), p fitted for the least relative error.
func (s isa) exp(x vector) vector { return s.narrowExp(s.min(s.konst(89), s.max(s.konst(-104), x))) }

// narrowExp is exp between -104 and 89.
func (s isa) narrowExp(x vector) vector {
	n, r := s.round(s.mul(x, s.konst(math.Log2E))), s.new()
	VMOVAPS(x, r)
	VFNMADD231PS(s.konst(0.693145751953125), n, r) // ln 2 in two parts, the first with few digits
	VFNMADD231PS(s.konst(1.42860682030941723212e-6), n, r)
	p := s.poly(r, 0.5, 0.166665181517601, 0.04166620597243309, 0.008368954062461853, 0.0013950599823147058)
	y := s.add(s.fma(s.mul(r, r), p, r), s.konst(1))
	out := s.new()
	if s.size == 64 {
		VSCALEFPS(n, y, out)
		return out
	}
	// Twice 2 to the power of half of n, so that neither overflows.
	whole, half := s.new(), s.new()
	VCVTPS2DQ(n, whole)
	VPSRAD(Imm(1), whole, half)
	VPSUBD(half, whole, whole)
	for _, e := range []vector{half, whole} {
		VPADDD(s.bits(127), e, e)
		VPSLLD(Imm(23), e, e)
		y = s.mul(y, e)
	}
	return y
}

func (s isa) sigmoid(x vector) vector {
	minus := s.sub(s.konst(0), x)
	return s.div(s.konst(1), s.add(s.exp(minus), s.konst(1)))
}

// quickSigmoid has an error of some 1e-7, relative to what is larger, itself or x, down to 1e-38. Below that it is 0, so that a
// large factor makes nothing of it.
func (s isa) quickSigmoid(x vector) vector {
	t := s.mul(x, s.konst(-math.Log2E))
	t = s.min(s.konst(126.9), s.max(s.konst(-126), t))
	d := s.add(s.quickExp2(t), s.konst(1))
	if s.size == 32 { // the estimate of an inverse below the normal range is 0
		return s.reciprocal(d)
	}
	const notGreater = 10 // or NaN
	kept, y := K(), s.new()
	VCMPPS(Imm(notGreater), s.konst(0x1p126), d, kept)
	VRCP14PS_Z(d, kept, y)
	return s.newton(d, y)
}

// quickExp2 is 2ˣ between -126 and 127 with a relative error of 1e-7: the nearest whole power times a polynomial.
func (s isa) quickExp2(x vector) vector {
	n := s.round(x)
	p := s.poly(s.sub(x, n), 1.0000001192092896, 0.6931469440460205, 0.24022120237350464, 0.05550713464617729,
		0.009675540961325169, 0.0013276466634124517)
	out := s.new()
	if s.size == 64 {
		VSCALEFPS(n, p, out)
		return out
	}
	VCVTPS2DQ(n, out)
	VPSLLD(Imm(23), out, out)
	VPADDD(out, p, out)
	return out
}

func (s isa) round(x vector) vector {
	n := s.new()
	if s.size == 64 {
		VRNDSCALEPS(Imm(0), x, n)
	} else {
		VROUNDPS(Imm(0), x, n)
	}
	return n
}

// reciprocal is 1/x by an estimate and a step of Newton's; for finite x.
func (s isa) reciprocal(x vector) vector {
	y := s.new()
	if s.size == 64 {
		VRCP14PS(x, y)
	} else {
		VRCPPS(x, y)
	}
	return s.newton(x, y)
}

// newton makes of y, about 1/x, what is nearer.
func (s isa) newton(x, y vector) vector {
	e := s.konst(2)
	VFNMADD231PS(x, y, e)
	return s.mul(y, e)
}

const signBit = 1 << 31

// tanh is x·p(x²)/q(x²), the rational approximation of Eigen and XLA (13/6 degrees), up to where it is beyond 1 for sure. Both
// polynomials begin with about 1, so that the least numbers stay; the rest is subtracted such that -0 does.
func (s isa) tanh(x vector) vector {
	x = s.min(s.konst(tanhEnd), s.max(s.konst(-tanhEnd), x))
	square := s.mul(x, x)
	const k = 256
	p := s.poly(square, k*4.89352455891786e-03, k*6.37261928875436e-04, k*1.48572235717979e-05, k*5.12229709037114e-08,
		k*-8.60467152213735e-11, k*2.00018790482477e-13, k*-2.76076847742355e-16)
	q := s.poly(square, k*4.89352518554385e-03, k*2.26843463243900e-03, k*1.18534705686654e-04, k*1.19825839466702e-06)
	p, r := s.mul(x, p), s.reciprocal(q)
	y := s.mul(p, r)
	rest, sum := s.new(), s.new()
	VMOVAPS(p, rest)
	VFMSUB231PS(y, q, rest)
	VMOVAPS(y, sum)
	VFNMADD231PS(rest, r, sum)
	return s.min(s.konst(1), s.max(s.konst(-1), sum))
}

// tanhEnd is where the approximation of tanh is some units of the last place beyond 1.
const tanhEnd = 9.6

// erf is x·p(x²) below 0.97 and 1 - e^-q(x) above, of which there is nothing left at 4.
func (s isa) erf(x vector) vector {
	a := s.and(x, ^uint32(signBit))
	near := s.mul(a, s.poly(s.mul(a, a), 1.1283791065216064, -0.3761262595653534, 0.11283600330352783, -0.026854444295167923,
		0.005189535208046436, -0.0008020841050893068, 7.889119297033176e-05))
	q := s.poly(s.min(s.konst(4), a), -0.00018344448471907526, 1.1295567750930786, 0.6332626342773438, 0.10837247967720032,
		-0.025178970769047737, 0.0041936119087040424, -0.00043910660315304995, 2.1496134650078602e-05)
	far := s.sub(s.konst(1), s.narrowExp(s.sub(s.konst(0), q)))
	return s.or(s.less(a, 0.97, near, far), s.and(x, signBit))
}

// quickErf has an absolute error of some 1e-7: one exponential serves for all x.
func (s isa) quickErf(x vector) vector {
	a := s.min(s.konst(4), s.and(x, ^uint32(signBit)))
	q := s.poly(a, 0, 1.6279093027114868, 0.9184098243713379, 0.14850664138793945, -0.028301889076828957,
		0.0008251671679317951, 0.001460380619391799, -0.00043694398482330143, 4.4352822442306206e-05)
	far := s.sub(s.konst(1), s.quickExp2(s.sub(s.konst(0), q)))
	return s.or(far, s.and(x, signBit))
}

func (s isa) sqrt(x vector) vector {
	r := s.new()
	VSQRTPS(x, r)
	return r
}

// quarters is x to the power of q/4, q from 1 to 3, within three units of the last place, as its inverse. As C has it, -0 is zero and -Inf infinity.
func (s isa) quarters(x vector, q int) vector {
	x = s.add(s.less(x, -math.MaxFloat32, s.konst(math.Inf(1)), x), s.konst(0))
	root := s.sqrt(x)
	switch q {
	case 1:
		return s.sqrt(root)
	case 2:
		return root
	default:
		return s.mul(root, s.sqrt(root))
	}
}

// unary makes func(y, x *float32, n int, alpha, beta float32) for n·16 elements.
func (s isa) unary(name string, f func(x, alpha, beta vector) vector) {
	TEXT("vec"+name+s.name, NOSPLIT, "func(y, x *float32, n int, alpha, beta float32)")
	Pragma("noescape")
	Doc(fmt.Sprintf("computes %s of 16·n elements.", name))
	y, x, n := Load(Param("y"), GP64()), Load(Param("x"), GP64()), Load(Param("n"), GP64())
	alpha, beta := s.broadcast("alpha"), s.broadcast("beta")
	s.loop(n, func() {
		v := s.new()
		VMOVUPS(Mem{Base: x}, v)
		VMOVUPS(f(v, alpha, beta), Mem{Base: y})
		ADDQ(Imm(uint64(s.size)), x)
		ADDQ(Imm(uint64(s.size)), y)
	})
	VZEROUPPER()
	RET()
}

func (s isa) broadcast(param string) vector {
	low, r := Load(Param(param), XMM()), s.new()
	VBROADCASTSS(low, r)
	return r
}

// loop runs body for each vector of n·16 elements.
func (s isa) loop(n Register, body func()) {
	if s.size == 32 {
		ADDQ(n, n)
	}
	TESTQ(n, n)
	JEQ(LabelRef("end"))
	Label("next")
	body()
	DECQ(n)
	JNE(LabelRef("next"))
	Label("end")
}

// binary makes func(y, a, b *float32, n int).
func (s isa) binary(name string, f func(...Op)) {
	TEXT("vec"+name+s.name, NOSPLIT, "func(y, a, b *float32, n int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("computes %s of 16·n elements.", name))
	y, a, b := Load(Param("y"), GP64()), Load(Param("a"), GP64()), Load(Param("b"), GP64())
	n := Load(Param("n"), GP64())
	s.loop(n, func() {
		v := s.new()
		VMOVUPS(Mem{Base: a}, v)
		f(Mem{Base: b}, v, v)
		VMOVUPS(v, Mem{Base: y})
		for _, p := range []Register{a, b, y} {
			ADDQ(Imm(uint64(s.size)), p)
		}
	})
	VZEROUPPER()
	RET()
}

// reduce makes func(x *float32, n int, begin, mean float32) float32 over 16·n elements.
func (s isa) reduce(name string, take func(acc, x, mean vector), join func(...Op)) {
	TEXT("vec"+name+s.name, NOSPLIT, "func(x *float32, n int, begin, mean float32) float32")
	Pragma("noescape")
	Doc(fmt.Sprintf("reduces 16·n elements by %s.", name))
	x, n := Load(Param("x"), GP64()), Load(Param("n"), GP64())
	first, mean := s.broadcast("begin"), s.broadcast("mean")
	acc := []vector{first}
	parts := 64 / s.size * 2 // so that the latency of the sums does not count
	for range parts - 1 {
		r := s.new()
		VMOVAPS(first, r)
		acc = append(acc, r)
	}
	odd := s.new()
	VMOVAPS(first, odd)
	half := GP64()
	MOVQ(n, half)
	ANDQ(Imm(1), half)
	SHRQ(Imm(1), n)
	TESTQ(n, n)
	JEQ(LabelRef("rest"))
	Label("next")
	for i, r := range acc {
		v := s.new()
		VMOVUPS(Mem{Base: x, Disp: i * s.size}, v)
		take(r, v, mean)
	}
	ADDQ(U32(128), x)
	DECQ(n)
	JNE(LabelRef("next"))
	Label("rest")
	TESTQ(half, half)
	JEQ(LabelRef("join"))
	for i := range 64 / s.size {
		v := s.new()
		VMOVUPS(Mem{Base: x, Disp: i * s.size}, v)
		take(odd, v, mean)
	}
	Label("join")
	acc = append(acc, odd)
	for _, r := range acc[1:] {
		join(r, acc[0], acc[0])
	}
	Store(s.across(acc[0], join), ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// across joins the elements of a register.
func (s isa) across(v vector, join func(...Op)) Register {
	low := v.AsY().(vector)
	if s.size == 64 {
		half := YMM()
		VEXTRACTF64X4(Imm(1), v, half)
		join(half, low, low)
	}
	q, lowX := XMM(), low.AsX().(vector)
	if s.size == 64 {
		VEXTRACTF32X4(Imm(1), low, q)
	} else {
		VEXTRACTF128(Imm(1), low, q)
	}
	join(q, lowX, lowX)
	for _, order := range []uint64{0x4e, 0xb1} {
		VPERMILPS(Imm(order), lowX, q)
		join(q, lowX, lowX)
	}
	return lowX
}

// expSum makes func(y, x *float32, n int, top float32) float32: y = e^(x-top), and its sum.
func (s isa) expSum() {
	TEXT("vecExpSum"+s.name, NOSPLIT, "func(y, x *float32, n int, top float32) float32")
	Pragma("noescape")
	Doc("computes e^(x-top) of 16·n elements and sums them.")
	y, x, n := Load(Param("y"), GP64()), Load(Param("x"), GP64()), Load(Param("n"), GP64())
	top, sum := s.broadcast("top"), s.new()
	VXORPS(sum, sum, sum)
	s.loop(n, func() {
		v := s.new()
		VMOVUPS(Mem{Base: x}, v)
		e := s.exp(s.sub(v, top))
		VMOVUPS(e, Mem{Base: y})
		VADDPS(e, sum, sum)
		ADDQ(Imm(uint64(s.size)), x)
		ADDQ(Imm(uint64(s.size)), y)
	})
	Store(s.across(sum, VADDPS), ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// normalize makes func(y, x, scale, shift *float32, n int, mean, factor float32): y = (x-mean)·factor·scale + shift.
func (s isa) normalize() {
	TEXT("vecNormalize"+s.name, NOSPLIT, "func(y, x, scale, shift *float32, n int, mean, factor float32)")
	Pragma("noescape")
	Doc("computes (x-mean)·factor·scale + shift of 16·n elements.")
	y, x := Load(Param("y"), GP64()), Load(Param("x"), GP64())
	scale, shift, n := Load(Param("scale"), GP64()), Load(Param("shift"), GP64()), Load(Param("n"), GP64())
	mean, factor := s.broadcast("mean"), s.broadcast("factor")
	s.loop(n, func() {
		v, b := s.new(), s.new()
		VMOVUPS(Mem{Base: x}, v)
		VSUBPS(mean, v, v)
		VMULPS(factor, v, v)
		VMOVUPS(Mem{Base: shift}, b)
		VFMADD231PS(Mem{Base: scale}, v, b)
		VMOVUPS(b, Mem{Base: y})
		for _, p := range []Register{x, y, scale, shift} {
			ADDQ(Imm(uint64(s.size)), p)
		}
	})
	VZEROUPPER()
	RET()
}
