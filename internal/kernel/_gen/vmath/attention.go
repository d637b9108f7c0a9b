package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

const blockBytes = 64

// softmax makes func(x *float32, step, blocks int, scale float32, factor *float32): of some neighbouring pixels of blocked
// data each x becomes 2^((x-top)·scale), top being the pixel's greatest, and factor one over the pixel's sum of them. Blocks
// lie step bytes apart.
func (s isa) softmax(pixels int) {
	TEXT(fmt.Sprintf("vecSoftmax%d%s", pixels, s.name), NOSPLIT, "func(x *float32, step, blocks int, scale float32, factor *float32)")
	Pragma("noescape")
	Doc(fmt.Sprintf("computes 2 to the power of scale·(x - the greatest) for %d pixels, and one over their sums.", pixels))
	x, step, blocks := Load(Param("x"), GP64()), Load(Param("step"), GP64()), Load(Param("blocks"), GP64())
	scale := s.broadcast("scale")
	at, left := GP64(), GP64()
	each := func(label string, do func(pixel int, m Mem)) {
		MOVQ(x, at)
		MOVQ(blocks, left)
		Label(label)
		for i := range pixels {
			for j := 0; j < blockBytes; j += s.size {
				do(i, Mem{Base: at, Disp: i*blockBytes + j})
			}
		}
		ADDQ(step, at)
		DECQ(left)
		JNE(LabelRef(label))
	}
	var top, sum []vector
	for range pixels {
		top = append(top, s.new())
		VBROADCASTSS(s.bits(0xff800000), top[len(top)-1]) // -∞
	}
	each("greatest", func(i int, m Mem) { VMAXPS(m, top[i], top[i]) })
	for i, t := range top {
		low := s.across(t, VMAXPS)
		VBROADCASTSS(low, top[i])
		sum = append(sum, s.new())
		VXORPS(sum[i], sum[i], sum[i])
	}
	each("power", func(i int, m Mem) {
		v := s.new()
		VMOVUPS(m, v)
		e := s.quickExp2(s.max(s.konst(-126), s.mul(s.sub(v, top[i]), scale)))
		VMOVUPS(e, m)
		VADDPS(e, sum[i], sum[i])
	})
	factor := Load(Param("factor"), GP64())
	for i, t := range sum {
		low := s.across(t, VADDPS)
		one := XMM()
		VMOVSS(s.mem(1), one)
		VDIVSS(low, one, one)
		VMOVSS(one, Mem{Base: factor, Disp: 4 * i})
	}
	VZEROUPPER()
	RET()
}

// pixelScale makes func(y *float32, step, n int, factor *float32): n pixels of a block, which lie step bytes apart, are
// multiplied by a factor each.
func (s isa) pixelScale() {
	TEXT("vecPixelScale"+s.name, NOSPLIT, "func(y *float32, step, n int, factor *float32)")
	Pragma("noescape")
	Doc("multiplies n pixels by a factor each.")
	y, step, n := Load(Param("y"), GP64()), Load(Param("step"), GP64()), Load(Param("n"), GP64())
	factor := Load(Param("factor"), GP64())
	Label("next")
	f := s.new()
	VBROADCASTSS(Mem{Base: factor}, f)
	for j := 0; j < blockBytes; j += s.size {
		v := s.new()
		VMULPS(Mem{Base: y, Disp: j}, f, v)
		VMOVUPS(v, Mem{Base: y, Disp: j})
	}
	ADDQ(step, y)
	ADDQ(Imm(4), factor)
	DECQ(n)
	JNE(LabelRef("next"))
	VZEROUPPER()
	RET()
}
