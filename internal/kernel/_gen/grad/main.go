// Command grad generates the micro-kernels of a convolution's gradient by its weights: products of input channels with
// output channels that stay in registers while pixels go by; and the same channel by channel.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of gradArgs in package kernel.
const (
	argX, argY, argSum        = 0, 8, 16
	argStep, argPx            = 24, 32
	argXRow, argXImage        = 40, 48
	argYRow, argYImage, argYB = 56, 64, 72
	argCols, argRows          = 80, 88
	argImages                 = 96
	argShape                  = 104
	blockBytes                = 64
)

func main() {
	ConstraintExpr("!noasm")
	Package("./args")
	for _, s := range []isa{{vec: 1, channels: 8, blocks: 3, regs: 32}, {vec: 2, channels: 4, blocks: 1, regs: 16}} {
		s.products()
		s.depthwise()
	}
	Generate()
}

// isa is an instruction set whose registers hold 16/vec channels.
type isa struct {
	vec              int
	channels, blocks int // at most, in one tile
	regs             int
}

func (s isa) name() string { return map[int]string{1: "AVX512", 2: "AVX2"}[s.vec] }
func (s isa) width() int   { return blockBytes / s.vec }

func (s isa) reg(i int) VecPhysical {
	if s.vec == 1 {
		return []VecPhysical{Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15, Z16, Z17, Z18, Z19,
			Z20, Z21, Z22, Z23, Z24, Z25, Z26, Z27, Z28, Z29, Z30, Z31}[i]
	}
	return []VecPhysical{Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7, Y8, Y9, Y10, Y11, Y12, Y13, Y14, Y15}[i]
}

var (
	args, x, y, px, yb  = RDI, RSI, RBX, RDX, R8
	cols, rows, images  = RCX, R10, R9
	rowX, rowY          = R13, R15
	imageX, imageY, tmp = R11, R12, RAX
)

func field(disp int) Mem { return Mem{Base: args, Disp: disp} }

func (s isa) begin(name, doc string) {
	TEXT(name+s.name(), NOSPLIT, "func(a *gradArgs)")
	Pragma("noescape")
	Doc(name + s.name() + " " + doc)
	Load(Param("a"), args)
	MOVQ(field(argPx), px)
	MOVQ(field(argYB), yb)
	MOVQ(field(argX), imageX)
	MOVQ(field(argY), imageY)
	MOVQ(field(argImages), images)
}

// pixels makes the loops over images, rows and columns around what is done with the pixel at x and y.
func (s isa) pixels(label string, do func()) {
	Label("image" + label)
	MOVQ(imageX, rowX)
	MOVQ(imageY, rowY)
	MOVQ(field(argRows), rows)
	Label("row" + label)
	MOVQ(rowX, x)
	MOVQ(rowY, y)
	MOVQ(field(argCols), cols)
	Label("col" + label)
	do()
	ADDQ(px, x)
	ADDQ(Imm(blockBytes), y)
	DECQ(cols)
	JNE(LabelRef("col" + label))
	ADDQ(field(argXRow), rowX)
	ADDQ(field(argYRow), rowY)
	DECQ(rows)
	JNE(LabelRef("row" + label))
	ADDQ(field(argXImage), imageX)
	ADDQ(field(argYImage), imageY)
	DECQ(images)
	JNE(LabelRef("image" + label))
}

// products makes the kernel that sums, for every pair of an input and an output channel, their products over pixels.
func (s isa) products() {
	s.begin("gradTile", "computes the sums that the gradArgs at a describe.")
	MOVQ(field(argShape), tmp)
	label := func(n, nb int) string { return fmt.Sprintf("%dx%d", n, nb) }
	for nb := s.blocks; nb > 0; nb-- {
		for n := s.channels; n > 0; n-- {
			CMPQ(tmp, U8(n+16*nb))
			JEQ(LabelRef("tile" + label(n, nb)))
		}
	}
	RET()
	for nb := 1; nb <= s.blocks; nb++ {
		for n := 1; n <= s.channels; n++ {
			Label("tile" + label(n, nb))
			s.tile(label(n, nb), n, nb*s.vec)
		}
	}
}

// tile makes the sums of n input channels by v registers of output channels.
func (s isa) tile(label string, n, v int) {
	acc := func(i, j int) VecPhysical { return s.reg(i*v + j) }
	spare := min(4, s.regs-n*v-v)
	each := func(do func(r VecPhysical, m Mem)) {
		MOVQ(field(argSum), tmp)
		for i := range n {
			for j := range v {
				do(acc(i, j), Mem{Base: tmp, Disp: j * s.width()})
			}
			if i+1 < n {
				ADDQ(field(argStep), tmp)
			}
		}
	}
	each(func(r VecPhysical, m Mem) { VMOVUPS(m, r) })
	s.pixels(label, func() {
		for j := range v {
			m := Mem{Base: y, Disp: j % s.vec * s.width()}
			if j/s.vec > 0 {
				m = m.Idx(yb, uint8(j/s.vec))
			}
			VMOVUPS(m, s.reg(n*v+j))
		}
		for i := range n {
			if v == 1 { // a broadcast that one product alone uses is cheaper as part of it
				VFMADD231PS_BCST(Mem{Base: x, Disp: 4 * i}, s.reg(n*v), acc(i, 0))
				continue
			}
			b := s.reg(n*v + v + i%spare)
			VBROADCASTSS(Mem{Base: x, Disp: 4 * i}, b)
			for j := range v {
				VFMADD231PS(s.reg(n*v+j), b, acc(i, j))
			}
		}
	})
	each(func(r VecPhysical, m Mem) { VMOVUPS(r, m) })
	VZEROUPPER()
	RET()
}

// depthwise makes the kernel that sums the products of each channel with itself, for up to
// seven pixels of x that lie yb bytes apart.
func (s isa) depthwise() {
	s.begin("gradDepthwise", "computes the sums of products channel by channel that the gradArgs at a describe.")
	const most = 7
	MOVQ(field(argShape), tmp)
	for n := most; n > 0; n-- {
		CMPQ(tmp, Imm(uint64(n)))
		JEQ(LabelRef(fmt.Sprintf("taps%d", n)))
	}
	RET()
	for n := 1; n <= most; n++ {
		label := fmt.Sprintf("taps%d", n)
		Label(label)
		v := n * s.vec
		each := func(do func(r VecPhysical, m Mem)) {
			MOVQ(field(argSum), tmp)
			for i := range n {
				for j := range s.vec {
					do(s.reg(i*s.vec+j), Mem{Base: tmp, Disp: i*blockBytes + j*s.width()})
				}
			}
		}
		each(func(r VecPhysical, m Mem) { VMOVUPS(m, r) })
		s.pixels(label, func() {
			for j := range s.vec {
				VMOVUPS(Mem{Base: y, Disp: j * s.width()}, s.reg(v+j))
			}
			tap := func(i int, base GPPhysical, scale uint8) {
				for j := 0; j < s.vec && i < n; j++ {
					m := Mem{Base: base, Disp: j * s.width()}
					if scale > 0 {
						m = m.Idx(yb, scale)
					}
					VFMADD231PS(m, s.reg(v+j), s.reg(i*s.vec+j))
				}
			}
			tap(0, x, 0)
			tap(1, x, 1)
			tap(2, x, 2)
			tap(4, x, 4)
			if n > 3 {
				LEAQ(Mem{Base: x, Index: yb, Scale: 1}, tmp)
				tap(3, tmp, 2)
				tap(5, tmp, 4)
			}
			if n > 6 {
				ADDQ(yb, tmp)
				tap(6, tmp, 4)
			}
		})
		each(func(r VecPhysical, m Mem) { VMOVUPS(r, m) })
		VZEROUPPER()
		RET()
	}
}
