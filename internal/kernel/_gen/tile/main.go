// Command tile generates the micro-kernel of every matrix product and convolution on blocked data: a tile of p pixels by
// nb blocks of 16 output channels, summed over a list of taps with some consecutive input channels each.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of tileArgs in package kernel.
const (
	argX, argTaps, argW, argY = 0, 8, 16, 24
	argBias, argRes           = 32, 40
	argCount                  = 48
	argPx, argYPx, argYBlock  = 56, 64, 72
	argWStep                  = 80
	argShape, argClamp        = 88, 96
	argLo, argHi              = 104, 108
	blockBytes                = 64

	// ahead is how many bytes of weights are asked for in advance: enough for them to come from memory.
	ahead = 4096
)

func main() {
	ConstraintExpr("!noasm")
	Package("./args")
	generate(isa{name: "tileAVX512", vec: 1, maxP: 14, blocks: []int{1, 2}, regs: 32})
	generate(isa{name: "tileAVX2", vec: 2, maxP: 6, blocks: []int{1}, regs: 16})
	Generate()
}

// isa is an instruction set: vec registers hold a block of 16 channels.
type isa struct {
	name   string
	vec    int
	maxP   int
	blocks []int
	regs   int
}

func (s isa) reg(i int) VecPhysical {
	if s.vec == 1 {
		return []VecPhysical{Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15, Z16, Z17, Z18, Z19,
			Z20, Z21, Z22, Z23, Z24, Z25, Z26, Z27, Z28, Z29, Z30, Z31}[i]
	}
	return []VecPhysical{Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7, Y8, Y9, Y10, Y11, Y12, Y13, Y14, Y15}[i]
}

func (s isa) width() int { return blockBytes / s.vec }

var (
	args                    = RDI
	x, w, tap, taps, depth  = RSI, RBX, RCX, RDX, RAX
	s1, s3, s5, s7, s9, s11 = R8, R9, R10, R11, R12, R13
	s13                     = R15
)

// pixel is the address of pixel i for the current channel.
func pixel(i int) Mem {
	m := Mem{Base: x}
	for _, c := range []struct {
		reg    GPPhysical
		times  int
		scales []uint8
	}{{s1, 1, []uint8{1, 2, 4, 8}}, {s3, 3, []uint8{1, 2, 4}}, {s5, 5, []uint8{1, 2}}, {s7, 7, []uint8{1}},
		{s9, 9, []uint8{1}}, {s11, 11, []uint8{1}}, {s13, 13, []uint8{1}}} {
		for _, k := range c.scales {
			if i == c.times*int(k) {
				return m.Idx(c.reg, k)
			}
		}
	}
	if i != 0 {
		panic(i)
	}
	return m
}

func generate(s isa) {
	TEXT(s.name, NOSPLIT, "func(a *tileArgs)")
	Pragma("noescape")
	Doc(s.name + " computes the tile that the tileArgs at a describe.")
	Load(Param("a"), args)
	MOVQ(Mem{Base: args, Disp: argPx}, s1)
	for _, m := range []struct {
		reg   GPPhysical
		from  GPPhysical
		scale uint8
	}{{s3, s1, 2}, {s5, s1, 4}, {s9, s1, 8}, {s7, s3, 2}, {s11, s3, 0}, {s13, s5, 0}} {
		switch m.reg {
		case s11: // 3 + 8
			LEAQ(Mem{Base: s3, Index: s1, Scale: 8}, s11)
		case s13: // 5 + 8
			LEAQ(Mem{Base: s5, Index: s1, Scale: 8}, s13)
		case s7: // 1 + 6
			LEAQ(Mem{Base: s1, Index: s3, Scale: 2}, s7)
		default:
			LEAQ(Mem{Base: s1, Index: m.from, Scale: m.scale}, m.reg)
		}
	}
	MOVQ(Mem{Base: args, Disp: argW}, w)
	MOVQ(Mem{Base: args, Disp: argTaps}, tap)
	MOVQ(Mem{Base: args, Disp: argCount}, taps)
	MOVQ(Mem{Base: args, Disp: argShape}, RAX)
	for i := len(s.blocks) - 1; i >= 0; i-- {
		for p := s.maxP; p > 0; p-- {
			CMPQ(RAX, U8(p+16*s.blocks[i]))
			JEQ(LabelRef(s.label("tile", p, s.blocks[i])))
		}
	}
	RET()
	for _, nb := range s.blocks {
		for p := 1; p <= s.maxP; p++ {
			s.tile(p, nb)
		}
	}
}

func (s isa) label(what string, p, nb int) string { return fmt.Sprintf("%s%dx%d", what, p, nb) }

func (s isa) tile(p, nb int) {
	cols := nb * s.vec
	acc := func(i, j int) VecPhysical { return s.reg(i*cols + j) }
	weight := func(j int) VecPhysical { return s.reg(p*cols + j) }
	// Two broadcast registers where there is room let the next load start before the last product has been issued.
	spare := min(s.regs-p*cols-cols, 4)

	Label(s.label("tile", p, nb))
	MOVQ(Mem{Base: args, Disp: argBias}, RAX)
	for j := range cols {
		VMOVUPS(Mem{Base: RAX, Disp: j * s.width()}, acc(0, j))
	}
	for i := 1; i < p; i++ {
		for j := range cols {
			VMOVAPS(acc(0, j), acc(i, j))
		}
	}
	Label(s.label("tap", p, nb))
	MOVQ(Mem{Base: args, Disp: argX}, x)
	ADDQ(Mem{Base: tap}, x)
	MOVQ(Mem{Base: tap, Disp: 8}, depth)
	ADDQ(Imm(16), tap)
	s.prefetchTap(p, nb)
	Label(s.label("channel", p, nb))
	for j := range cols {
		VMOVUPS(Mem{Base: w, Disp: j * s.width()}, weight(j))
	}
	for j := range nb {
		PREFETCHT0(Mem{Base: w, Disp: ahead + j*blockBytes})
	}
	for i := range p {
		if s.vec == 1 && cols == 1 { // a broadcast that one product alone uses is cheaper as part of it
			VFMADD231PS_BCST(pixel(i), weight(0), acc(i, 0))
			continue
		}
		b := s.reg(p*cols + cols + i%spare)
		VBROADCASTSS(pixel(i), b)
		for j := range cols {
			VFMADD231PS(weight(j), b, acc(i, j))
		}
	}
	ADDQ(Mem{Base: args, Disp: argWStep}, w)
	ADDQ(Imm(4), x)
	DECQ(depth)
	JNE(LabelRef(s.label("channel", p, nb)))
	DECQ(taps)
	JNE(LabelRef(s.label("tap", p, nb)))
	s.finish(p, nb, acc)
}

// prefetchTap asks for the pixels of the next tap, which lie elsewhere.
func (s isa) prefetchTap(p, nb int) {
	if p < 4 {
		return
	}
	MOVQ(x, R14)
	CMPQ(taps, Imm(1))
	JEQ(LabelRef(s.label("channel", p, nb)))
	MOVQ(Mem{Base: args, Disp: argX}, x)
	ADDQ(Mem{Base: tap}, x)
	for i := range p {
		PREFETCHT0(pixel(i))
	}
	MOVQ(R14, x)
}

// finish adds the residual, clamps and stores.
func (s isa) finish(p, nb int, acc func(i, j int) VecPhysical) {
	ypx, yblock := s3, s5
	MOVQ(Mem{Base: args, Disp: argYPx}, ypx)
	MOVQ(Mem{Base: args, Disp: argYBlock}, yblock)
	each := func(base GPPhysical, do func(i, j int, at Mem)) {
		for i := range p {
			for j := range nb * s.vec {
				at := Mem{Base: base, Disp: j % s.vec * s.width()}
				if j/s.vec == 1 {
					at = at.Idx(yblock, 1)
				}
				do(i, j, at)
			}
			if i+1 < p {
				ADDQ(ypx, base)
			}
		}
	}
	MOVQ(Mem{Base: args, Disp: argRes}, x)
	TESTQ(x, x)
	JEQ(LabelRef(s.label("clamp", p, nb)))
	each(x, func(i, j int, at Mem) { VADDPS(at, acc(i, j), acc(i, j)) })
	Label(s.label("clamp", p, nb))
	MOVQ(Mem{Base: args, Disp: argClamp}, x)
	TESTQ(x, x)
	JEQ(LabelRef(s.label("store", p, nb)))
	lo, hi := s.reg(p*nb*s.vec), s.reg(p*nb*s.vec+1)
	VBROADCASTSS(Mem{Base: args, Disp: argLo}, lo)
	VBROADCASTSS(Mem{Base: args, Disp: argHi}, hi)
	for i := range p {
		for j := range nb * s.vec { // the value last, so that NaN stays
			VMAXPS(acc(i, j), lo, acc(i, j))
			VMINPS(acc(i, j), hi, acc(i, j))
		}
	}
	Label(s.label("store", p, nb))
	MOVQ(Mem{Base: args, Disp: argY}, x)
	each(x, func(i, j int, at Mem) { VMOVUPS(acc(i, j), at) })
	VZEROUPPER()
	RET()
}
