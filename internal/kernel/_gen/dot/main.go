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
		VMOVSS(lowX, Mem{Base: y, Disp: 4 * i})
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
