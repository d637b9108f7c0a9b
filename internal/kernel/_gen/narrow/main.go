// Command narrow generates the micro-kernel of convolutions with few output channels: some channels of a run of pixels,
// which lie in the lanes of two registers.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of narrowArgs in package kernel.
const (
	argX, argTaps, argW, argBias, argY = 0, 8, 16, 24, 32
	argCount, argYStep, argChannels    = 40, 48, 56
)

func main() {
	ConstraintExpr("!noasm")
	Package("./args")
	generate("narrowAVX512", func() VecVirtual { return ZMM() }, 64, 8)
	generate("narrowAVX2", func() VecVirtual { return YMM() }, 32, 6)
	Generate()
}

func generate(name string, vec func() VecVirtual, size, most int) {
	TEXT(name, NOSPLIT, "func(a *narrowArgs)")
	Pragma("noescape")
	Doc(name + " computes what the narrowArgs at a describe.")
	args, channels := Load(Param("a"), GP64()), GP64()
	MOVQ(Mem{Base: args, Disp: argChannels}, channels)
	for m := most; m > 0; m-- {
		CMPQ(channels, U8(m))
		JEQ(LabelRef(label("channels", m)))
	}
	RET()
	for m := 1; m <= most; m++ {
		run(args, vec, size, m)
	}
}

func label(what string, m int) string { return fmt.Sprintf("%s%d", what, m) }

func run(args Register, vec func() VecVirtual, size, m int) {
	load := func(disp int) GPVirtual {
		r := GP64()
		MOVQ(Mem{Base: args, Disp: disp}, r)
		return r
	}
	Label(label("channels", m))
	taps, w, bias, count := load(argTaps), load(argW), load(argBias), load(argCount)
	acc := make([][2]VecVirtual, m)
	for c := range acc {
		acc[c] = [2]VecVirtual{vec(), vec()}
		VBROADCASTSS(Mem{Base: bias, Disp: 4 * c}, acc[c][0])
		VMOVAPS(acc[c][0], acc[c][1])
	}
	Label(label("tap", m))
	x := load(argX)
	ADDQ(Mem{Base: taps}, x)
	pixels := [2]VecVirtual{vec(), vec()}
	for i, p := range pixels {
		VMOVUPS(Mem{Base: x, Disp: i * size}, p)
	}
	for c := range acc {
		weight := vec()
		VBROADCASTSS(Mem{Base: w, Disp: 4 * c}, weight)
		for i, p := range pixels {
			VFMADD231PS(weight, p, acc[c][i])
		}
	}
	ADDQ(Imm(8), taps)
	ADDQ(Imm(uint64(4*m)), w)
	DECQ(count)
	JNE(LabelRef(label("tap", m)))
	y, step := load(argY), load(argYStep)
	for c := range acc {
		for i, sum := range acc[c] {
			VMOVUPS(sum, Mem{Base: y, Disp: i * size})
		}
		ADDQ(step, y)
	}
	VZEROUPPER()
	RET()
}
