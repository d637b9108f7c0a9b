// Command slide generates the kernels that slide a window over blocked data channel by channel: depthwise convolution,
// pooling; and local response normalization, whose window is across channels.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of windowArgs in package kernel.
const (
	argX, argY, argW, argInit      = 0, 8, 16, 24
	argTaps, argCount              = 32, 40
	argPx, argXRow                 = 48, 56
	argYPx, argYRow                = 64, 72
	argCols, argRows               = 80, 88
	argClamp, argLo, argHi, argDiv = 96, 104, 108, 112
	blockBytes                     = 64
)

func main() {
	ConstraintExpr("!noasm")
	Package("./args")
	for _, vec := range []int{1, 2} {
		s := isa{vec}
		for _, op := range []string{"FMA", "Max", "Sum"} {
			s.window(op)
		}
		s.planeSum()
		s.lrn()
	}
	Generate()
}

// isa is an instruction set whose registers hold 16/vec channels.
type isa struct{ vec int }

func (s isa) name() string { return map[int]string{1: "AVX512", 2: "AVX2"}[s.vec] }
func (s isa) width() int   { return blockBytes / s.vec }

func (s isa) reg(i int) VecPhysical {
	if s.vec == 1 {
		return []VecPhysical{Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15, Z16, Z17, Z18, Z19}[i]
	}
	return []VecPhysical{Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7, Y8, Y9, Y10, Y11, Y12, Y13, Y14, Y15}[i]
}

var (
	args, rows, w, px, px3 = RDI, R10, R11, R13, R15
	x, y, cols, tap, taps  = RSI, RBX, RCX, RDX, RAX
	at                     = []GPPhysical{R12, RBP, R14, R8} // the first, fifth, ninth and thirteenth pixel of a tap
	tmp                    = at[0]
)

// window makes the kernel of an operation: it goes through rows, and in each through columns, several at a time.
func (s isa) window(op string) {
	name := "window" + op + s.name()
	TEXT(name, NOSPLIT, "func(a *windowArgs)")
	Pragma("noescape")
	Doc(name + " computes the region that the windowArgs at a describe.")
	rowX, rowY := AllocLocal(8), AllocLocal(8) // a frame also saves the base pointer, which is used
	Load(Param("a"), args)
	MOVQ(field(argPx), px)
	LEAQ(Mem{Base: px, Index: px, Scale: 2}, px3)
	MOVQ(field(argRows), rows)
	MOVQ(field(argX), x)
	MOVQ(field(argY), y)
	Label("row")
	MOVQ(x, rowX)
	MOVQ(y, rowY)
	MOVQ(field(argCols), cols)
	Label("cols")
	most := map[int]int{1: 14, 2: 6}[s.vec]
	MOVQ(cols, tmp) // as many as can be, the last two times half of what is left each
	CMPQ(cols, Imm(uint64(2*most)))
	JGE(LabelRef(fmt.Sprintf("cols%d", most)))
	CMPQ(cols, Imm(uint64(most)))
	JLE(LabelRef("few"))
	INCQ(tmp)
	SHRQ(Imm(1), tmp)
	Label("few")
	for p := 1; p < most; p++ {
		CMPQ(tmp, Imm(uint64(p)))
		JEQ(LabelRef(fmt.Sprintf("cols%d", p)))
	}
	for p := most; p > 0; p-- {
		Label(fmt.Sprintf("cols%d", p))
		s.columns(op, p)
		SUBQ(Imm(uint64(p)), cols)
		JNE(LabelRef("cols"))
		JMP(LabelRef("next"))
	}
	Label("next")
	MOVQ(rowX, x)
	MOVQ(rowY, y)
	ADDQ(field(argXRow), x)
	ADDQ(field(argYRow), y)
	DECQ(rows)
	JNE(LabelRef("row"))
	VZEROUPPER()
	RET()
}

func field(disp int) Mem { return Mem{Base: args, Disp: disp} }

// columns computes p outputs and moves on.
func (s isa) columns(op string, p int) {
	n := p * s.vec
	weight, mask := s.reg(n), s.reg(n+1)
	if op == "Max" {
		VBROADCASTSS(field(argLo), s.reg(0))
	} else if op == "FMA" {
		MOVQ(field(argInit), tmp)
	}
	for i := range n {
		switch {
		case op == "FMA":
			VMOVUPS(Mem{Base: tmp, Disp: i % s.vec * s.width()}, s.reg(i))
		case op == "Sum":
			VXORPS(s.reg(i), s.reg(i), s.reg(i))
		case i > 0:
			VMOVAPS(s.reg(0), s.reg(i))
		}
	}
	MOVQ(field(argTaps), tap)
	MOVQ(field(argCount), taps)
	loop, done := fmt.Sprintf("tap%s%d", op, p), fmt.Sprintf("done%s%d", op, p)
	TESTQ(taps, taps)
	JEQ(LabelRef(done))
	Label(loop)
	MOVQ(Mem{Base: tap}, at[0])
	ADDQ(x, at[0])
	for i := 1; 4*i < p; i++ {
		LEAQ(Mem{Base: at[i-1], Index: px, Scale: 4}, at[i])
	}
	if op == "FMA" {
		MOVQ(field(argW), w)
		ADDQ(Mem{Base: tap, Disp: 8}, w)
	}
	ADDQ(Imm(16), tap)
	for half := range s.vec {
		if op == "FMA" {
			VMOVUPS(Mem{Base: w, Disp: half * s.width()}, weight)
		}
		for i := range p {
			s.apply(op, s.pixel(i).Offset(half*s.width()), s.reg(i*s.vec+half), weight, mask)
		}
	}
	DECQ(taps)
	JNE(LabelRef(loop))
	Label(done)
	s.finish(op, p, n)
	MOVQ(field(argYPx), tmp)
	for i := range n {
		VMOVUPS(s.reg(i), Mem{Base: y, Disp: i % s.vec * s.width()})
		if i%s.vec == s.vec-1 {
			ADDQ(tmp, y)
		}
	}
	IMUL3Q(Imm(uint64(p)), px, tmp)
	ADDQ(tmp, x)
}

// pixel is the address of pixel i of the tap.
func (s isa) pixel(i int) Mem {
	base := at[i/4]
	switch i %= 4; i {
	case 0:
		return Mem{Base: base}
	case 3:
		return Mem{Base: base, Index: px3, Scale: 1}
	}
	return Mem{Base: base, Index: px, Scale: uint8(i)}
}

func (s isa) apply(op string, m Mem, acc, weight, mask VecPhysical) {
	switch op {
	case "FMA":
		VFMADD231PS(m, weight, acc)
	case "Sum":
		VADDPS(m, acc, acc)
	case "Max": // which gives its last operand where one is NaN, so that a sum's NaN stays; an input's is put there
		VMOVUPS(m, weight)
		VMAXPS(acc, weight, acc)
		if s.vec == 1 {
			VCMPPS(Imm(3), weight, weight, K1)
			VMOVAPS(weight, K1, acc)
		} else {
			VCMPPS(Imm(3), weight, weight, mask)
			VBLENDVPS(mask, weight, acc, acc)
		}
	}
}

func (s isa) finish(op string, p, n int) {
	switch op {
	case "Sum":
		VBROADCASTSS(field(argDiv), s.reg(n))
		for i := range n {
			VDIVPS(s.reg(n), s.reg(i), s.reg(i))
		}
	case "FMA":
		plain := fmt.Sprintf("plain%d", p)
		MOVQ(field(argClamp), tmp)
		TESTQ(tmp, tmp)
		JEQ(LabelRef(plain))
		VBROADCASTSS(field(argLo), s.reg(n))
		VBROADCASTSS(field(argHi), s.reg(n+1))
		for i := range n { // the value last, so that NaN stays
			VMAXPS(s.reg(i), s.reg(n), s.reg(i))
			VMINPS(s.reg(i), s.reg(n+1), s.reg(i))
		}
		Label(plain)
	}
}

// planeSum makes func(y, x *float32, n int): y = the sum of n ≥ 1 blocks.
func (s isa) planeSum() {
	TEXT("planeSum"+s.name(), NOSPLIT, "func(y, x *float32, n int)")
	Pragma("noescape")
	Doc("sums n blocks that follow each other.")
	Load(Param("y"), y)
	Load(Param("x"), x)
	Load(Param("n"), cols)
	for i := range 4 * s.vec {
		VXORPS(s.reg(i), s.reg(i), s.reg(i))
	}
	Label("four")
	CMPQ(cols, Imm(4))
	JLT(LabelRef("one"))
	for i := range 4 * s.vec {
		VADDPS(Mem{Base: x, Disp: i * s.width()}, s.reg(i), s.reg(i))
	}
	ADDQ(U32(4*blockBytes), x)
	SUBQ(Imm(4), cols)
	JMP(LabelRef("four"))
	Label("one")
	TESTQ(cols, cols)
	JEQ(LabelRef("end"))
	for i := range s.vec {
		VADDPS(Mem{Base: x, Disp: i * s.width()}, s.reg(i), s.reg(i))
	}
	ADDQ(Imm(blockBytes), x)
	DECQ(cols)
	JMP(LabelRef("one"))
	Label("end")
	for i := range s.vec {
		VADDPS(s.reg(s.vec+i), s.reg(i), s.reg(i))
		VADDPS(s.reg(3*s.vec+i), s.reg(2*s.vec+i), s.reg(2*s.vec+i))
		VADDPS(s.reg(2*s.vec+i), s.reg(i), s.reg(i))
		VMOVUPS(s.reg(i), Mem{Base: y, Disp: i * s.width()})
	}
	VZEROUPPER()
	RET()
}

// lrn makes func(y, x *float32, step, blocks int, squares *float32, before, size int, bias, scale float32): one pixel
// of a normalization with exponent 3/4 over all its channels, whose blocks lie step bytes apart. squares has room for
// the channels; the window begins before bytes in front of a channel, where zeros must stand, as behind the last one.
func (s isa) lrn() {
	TEXT("lrnPixel"+s.name(), NOSPLIT, "func(y, x *float32, step, blocks int, squares *float32, before, size int, bias, scale float32)")
	Pragma("noescape")
	Doc("normalizes a pixel across its channels.")
	Load(Param("y"), y)
	Load(Param("x"), x)
	Load(Param("step"), R8)
	Load(Param("blocks"), R9)
	Load(Param("squares"), R10)
	Load(Param("before"), R12)
	Load(Param("size"), R13)
	bias, scale := Load(Param("bias"), XMM()), Load(Param("scale"), XMM())
	VBROADCASTSS(bias, s.reg(14))
	VBROADCASTSS(scale, s.reg(15))
	MOVQ(x, RCX)
	MOVQ(R10, RDX)
	MOVQ(R9, RAX)
	Label("square")
	for i := range s.vec {
		VMOVUPS(Mem{Base: RCX, Disp: i * s.width()}, s.reg(i))
		VMULPS(s.reg(i), s.reg(i), s.reg(i))
		VMOVUPS(s.reg(i), Mem{Base: RDX, Disp: i * s.width()})
	}
	ADDQ(R8, RCX)
	ADDQ(Imm(blockBytes), RDX)
	DECQ(RAX)
	JNE(LabelRef("square"))
	SUBQ(R12, R10)
	Label("block")
	MOVQ(R10, RDX)
	MOVQ(R13, RAX)
	for i := range s.vec {
		VXORPS(s.reg(i), s.reg(i), s.reg(i))
	}
	Label("window")
	for i := range s.vec {
		VADDPS(Mem{Base: RDX, Disp: i * s.width()}, s.reg(i), s.reg(i))
	}
	ADDQ(Imm(4), RDX)
	DECQ(RAX)
	JNE(LabelRef("window"))
	for i := range s.vec {
		v, root, value := s.reg(i), s.reg(2+i), s.reg(4+i)
		VFMADD213PS(s.reg(14), s.reg(15), v)
		VSQRTPS(v, root)
		VSQRTPS(root, v)
		VMULPS(root, v, v)
		VMOVUPS(Mem{Base: x, Disp: i * s.width()}, value)
		VDIVPS(v, value, value)
		VMOVUPS(value, Mem{Base: y, Disp: i * s.width()})
	}
	ADDQ(R8, x)
	ADDQ(R8, y)
	ADDQ(Imm(blockBytes), R10)
	DECQ(R9)
	JNE(LabelRef("block"))
	VZEROUPPER()
	RET()
}
