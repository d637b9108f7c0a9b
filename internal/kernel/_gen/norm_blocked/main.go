// Command norm_blocked generates the steps of a layer normalization of pixels in the blocked layout, over their channels.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const blockBytes = 64

func main() {
	ConstraintExpr("!noasm")
	for _, s := range []isa{{"AVX512", 64}, {"AVX2", 32}} {
		for _, pixels := range []int{4, 1} {
			s.sums(pixels)
			s.squares(pixels)
			s.normalize(pixels)
		}
	}
	Generate()
}

// isa is an instruction set with registers of size bytes.
type isa struct {
	name string
	size int
}

func (s isa) new() VecVirtual {
	if s.size == 64 {
		return ZMM()
	}
	return YMM()
}

func (s isa) news(n int) []VecVirtual {
	r := make([]VecVirtual, n)
	for i := range r {
		r[i] = s.new()
	}
	return r
}

// vectors is how many registers some pixels of a block take.
func (s isa) vectors(pixels int) int { return pixels * blockBytes / s.size }

func (s isa) zeros(n int) []VecVirtual {
	r := s.news(n)
	for _, v := range r {
		VXORPS(v, v, v)
	}
	return r
}

// blocks runs body for each of the blocks, whose first pixel is at x; they lie step bytes apart.
func (s isa) blocks(x, step, n Register, body func()) {
	Label("block")
	body()
	ADDQ(step, x)
	DECQ(n)
	JNE(LabelRef("block"))
}

// sums makes func(y, x *float32, step, blocks int): y[pixel][16] = Σ over blocks.
func (s isa) sums(pixels int) {
	TEXT(fmt.Sprintf("normSums%d%s", pixels, s.name), NOSPLIT, "func(y, x *float32, step, blocks int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("sums %d pixels over blocks.", pixels))
	y, x, step, n := Load(Param("y"), GP64()), Load(Param("x"), GP64()), Load(Param("step"), GP64()), Load(Param("blocks"), GP64())
	acc := s.zeros(s.vectors(pixels))
	s.blocks(x, step, n, func() {
		for i, a := range acc {
			VADDPS(Mem{Base: x, Disp: i * s.size}, a, a)
		}
	})
	s.store(acc, y)
}

func (s isa) store(acc []VecVirtual, y Register) {
	for i, a := range acc {
		VMOVUPS(a, Mem{Base: y, Disp: i * s.size})
	}
	VZEROUPPER()
	RET()
}

// perPixel is, for each vector, a register with its pixel's element of the array of a parameter.
func (s isa) perPixel(param string, pixels int) []VecVirtual {
	p := Load(Param(param), GP64())
	r := s.news(pixels)
	for i, v := range r {
		VBROADCASTSS(Mem{Base: p, Disp: 4 * i}, v)
	}
	return r
}

// squares makes func(y, x *float32, step, blocks int, mean *float32): y[pixel][16] = Σ (x-mean)².
func (s isa) squares(pixels int) {
	TEXT(fmt.Sprintf("normSquares%d%s", pixels, s.name), NOSPLIT, "func(y, x *float32, step, blocks int, mean *float32)")
	Pragma("noescape")
	Doc(fmt.Sprintf("sums the squared distances of %d pixels from their means.", pixels))
	y, x, step, n := Load(Param("y"), GP64()), Load(Param("x"), GP64()), Load(Param("step"), GP64()), Load(Param("blocks"), GP64())
	mean := s.perPixel("mean", pixels)
	acc := s.zeros(pixels)
	s.blocks(x, step, n, func() {
		for i := range s.vectors(pixels) {
			pixel := i * pixels / s.vectors(pixels)
			d := s.new()
			VMOVUPS(Mem{Base: x, Disp: i * s.size}, d)
			VSUBPS(mean[pixel], d, d)
			VFMADD231PS(d, d, acc[pixel])
		}
	})
	for i, a := range acc {
		VMOVUPS(a, Mem{Base: y, Disp: i * blockBytes})
		if s.size == 32 {
			VXORPS(a, a, a)
			VMOVUPS(a, Mem{Base: y, Disp: i*blockBytes + 32})
		}
	}
	VZEROUPPER()
	RET()
}

// normalize makes func(y, x *float32, step, blocks int, mean, factor, scale, shift *float32):
// y = (x-mean)·factor·scale + shift, with a scale and shift for each channel.
func (s isa) normalize(pixels int) {
	TEXT(fmt.Sprintf("normApply%d%s", pixels, s.name), NOSPLIT, "func(y, x *float32, step, blocks int, mean, factor, scale, shift *float32)")
	Pragma("noescape")
	Doc(fmt.Sprintf("normalizes %d pixels.", pixels))
	y, x, step, n := Load(Param("y"), GP64()), Load(Param("x"), GP64()), Load(Param("step"), GP64()), Load(Param("blocks"), GP64())
	mean, factor := s.perPixel("mean", pixels), s.perPixel("factor", pixels)
	scale, shift := Load(Param("scale"), GP64()), Load(Param("shift"), GP64())
	s.blocks(x, step, n, func() {
		for i := range s.vectors(pixels) {
			pixel := i * pixels / s.vectors(pixels)
			half := i * s.size % blockBytes
			d, b := s.new(), s.new()
			VMOVUPS(Mem{Base: x, Disp: i * s.size}, d)
			VSUBPS(mean[pixel], d, d)
			VMULPS(factor[pixel], d, d)
			VMOVUPS(Mem{Base: shift, Disp: half}, b)
			VFMADD231PS(Mem{Base: scale, Disp: half}, d, b)
			VMOVUPS(b, Mem{Base: y, Disp: i * s.size})
		}
		ADDQ(Imm(blockBytes), scale)
		ADDQ(Imm(blockBytes), shift)
		ADDQ(step, y)
	})
	VZEROUPPER()
	RET()
}
