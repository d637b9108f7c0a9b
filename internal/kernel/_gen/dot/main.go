// Command dot generates products of a few vectors with a few rows of a matrix that is read once.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func main() {
	ConstraintExpr("!noasm")
	for _, isa := range []struct {
		name string
		new  func() VecVirtual
		size int
		rows []int
	}{{"AVX512", ZMM, 64, []int{1, 2, 4}}, {"AVX2", YMM, 32, []int{1, 2}}} {
		lines(isa.name, isa.new, isa.size)
		for _, r := range isa.rows {
			dot(isa.name, isa.new, isa.size, r, 4)
			dot(isa.name, isa.new, isa.size, r, 1)
		}
	}
	Generate()
}

// dot makes func(y, x, w *float32, xRow, wRow, rounds int): y[i·cols+j] = Σ x[i][k]·w[j][k] for rows vectors x and cols
// rows of w, which lie xRow and wRow bytes apart, over 16 elements a round. Each sum has the same order for all cols.
func dot(name string, vec func() VecVirtual, size, rows, cols int) {
	TEXT(fmt.Sprintf("dot%dx%d%s", rows, cols, name), NOSPLIT, "func(y, x, w *float32, xRow, wRow, rounds int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("multiplies %d vectors with %d rows.", rows, cols))
	y, x, w := Load(Param("y"), GP64()), Load(Param("x"), GP64()), Load(Param("w"), GP64())
	xRow, wRow, rounds := Load(Param("xRow"), GP64()), Load(Param("wRow"), GP64()), Load(Param("rounds"), GP64())
	xs, ws := pointers(x, xRow, rows), pointers(w, wRow, cols)
	parts := 64 / size
	sums := make([]VecVirtual, rows*cols)
	for i := range sums {
		sums[i] = vec()
		VXORPS(sums[i], sums[i], sums[i])
	}
	at := GP64()
	XORQ(at, at)
	TESTQ(rounds, rounds)
	JEQ(LabelRef("done"))
	Label("round")
	for p := range parts {
		vx := make([]VecVirtual, rows)
		for i := range vx {
			vx[i] = vec()
			VMOVUPS(xs[i].Offset(p*size).Idx(at, 1), vx[i])
		}
		for j := range cols {
			m := ws[j].Offset(p*size).Idx(at, 1)
			if rows == 1 {
				VFMADD231PS(m, vx[0], sums[j])
				continue
			}
			vw := vec()
			VMOVUPS(m, vw)
			for i := range rows {
				VFMADD231PS(vw, vx[i], sums[i*cols+j])
			}
		}
	}
	ADDQ(Imm(64), at)
	DECQ(rounds)
	JNE(LabelRef("round"))
	Label("done")
	for i, s := range sums {
		VMOVSS(total(s, size), Mem{Base: y, Disp: 4 * i})
	}
	VZEROUPPER()
	RET()
}

// pointers are the addresses of n rows.
func pointers(base, step Register, n int) []Mem {
	list := []Mem{{Base: base}}
	for i := 1; i < n; i++ {
		p := GP64()
		LEAQ(list[i-1].Idx(step, 1), p)
		list = append(list, Mem{Base: p})
	}
	return list
}

// total adds up the elements of a register.
func total(s VecVirtual, size int) VecVirtual {
	half := YMM()
	low := s.AsY().(VecVirtual)
	if size == 64 {
		VEXTRACTF64X4(Imm(1), s, half)
		VADDPS(half, low, low)
	}
	q, lowX := XMM(), low.AsX().(VecVirtual)
	if size == 64 {
		VEXTRACTF32X4(Imm(1), low, q)
	} else {
		VEXTRACTF128(Imm(1), low, q)
	}
	VADDPS(q, lowX, lowX)
	for _, order := range []uint64{0x4e, 0xb1} { // the other half, the other one of each pair
		VPERMILPS(Imm(order), lowX, q)
		VADDPS(q, lowX, lowX)
	}
	return lowX
}

// lines makes func(y, x, w *float32, row, rounds, n int): y[j] = Σ x[k]·w[j][k] for n rows of w, which lie row bytes apart,
// over 16 elements a round. Rows are read one after the other, so that memory is one stream.
func lines(name string, vec func() VecVirtual, size int) {
	const unroll = 4
	TEXT("dotLines"+name, NOSPLIT, "func(y, x, w *float32, row, rounds, n int)")
	Pragma("noescape")
	Doc("multiplies a vector with n rows.")
	y, x, w := Load(Param("y"), GP64()), Load(Param("x"), GP64()), Load(Param("w"), GP64())
	row, rounds, n := Load(Param("row"), GP64()), Load(Param("rounds"), GP64()), Load(Param("n"), GP64())
	parts := 64 / size
	sums := make([]VecVirtual, unroll)
	for i := range sums {
		sums[i] = vec()
	}
	at, left := GP64(), GP64()
	step := func(u int) {
		for p := range parts {
			vx := vec()
			VMOVUPS(Mem{Base: x, Disp: u*64 + p*size}.Idx(at, 1), vx)
			VFMADD231PS(Mem{Base: w, Disp: u*64 + p*size}.Idx(at, 1), vx, sums[(u*parts+p)%unroll])
		}
	}
	Label("line")
	for _, s := range sums {
		VXORPS(s, s, s)
	}
	XORQ(at, at)
	MOVQ(rounds, left)
	Label("rounds")
	CMPQ(left, U8(unroll))
	JLT(LabelRef("rest"))
	for u := range unroll {
		step(u)
	}
	ADDQ(U32(64*unroll), at)
	SUBQ(U8(unroll), left)
	JMP(LabelRef("rounds"))
	Label("rest")
	TESTQ(left, left)
	JEQ(LabelRef("done"))
	step(0)
	ADDQ(Imm(64), at)
	DECQ(left)
	JMP(LabelRef("rest"))
	Label("done")
	VADDPS(sums[1], sums[0], sums[0])
	VADDPS(sums[3], sums[2], sums[2])
	VADDPS(sums[2], sums[0], sums[0])
	VMOVSS(total(sums[0], size), Mem{Base: y})
	ADDQ(Imm(4), y)
	ADDQ(row, w)
	DECQ(n)
	JNE(LabelRef("line"))
	VZEROUPPER()
	RET()
}
