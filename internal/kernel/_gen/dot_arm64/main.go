// Command dot_arm64 generates products of a few vectors with a few rows of a matrix that is read once, for NEON.
package main

import (
	"fmt"

	"github.com/onnxrun/onnxrun/internal/kernel/_gen/arm64"
)

const (
	y, xRow, wRow, rounds, n, left = arm64.R(0), arm64.R(1), arm64.R(2), arm64.R(3), arm64.R(4), arm64.R(5)
	xs, ws                         = arm64.R(8), arm64.R(12) // the first of up to four each

	quads = 4  // registers of 16 elements
	most  = 16 // registers for sums
)

func main() {
	var f arm64.File
	for _, rows := range []int{1, 2, 4} {
		dot(&f, rows, 4)
		dot(&f, rows, 1)
	}
	lines(&f)
	f.Write()
}

// dot makes func(y, x, w *float32, xRow, wRow, rounds int): y[i·cols+j] = Σ x[i][k]·w[j][k] for rows vectors x and cols
// rows of w, which lie xRow and wRow bytes apart, over 16 elements a round. Each sum has the same order for all cols.
func dot(f *arm64.File, rows, cols int) {
	parts := most / 4 / rows // registers of one sum
	acc := func(i, j, q int) arm64.V { return arm64.V((i*cols+j)*parts + q%parts) }
	x := func(i, q int) arm64.V { return arm64.V(most + i*2 + q%2) }
	w := func(j, q int) arm64.V { return arm64.V(most + rows*2 + j%((32-most)/2-rows)*2 + q%2) }

	f.Func(fmt.Sprintf("dot%dx%dNEON", rows, cols), "(y, x, w *float32, xRow, wRow, rounds int)", 48,
		fmt.Sprintf("multiplies %d vectors with %d rows.", rows, cols))
	load(f, "y", y, "x", xs, "w", ws, "xRow", xRow, "wRow", wRow, "rounds", rounds)
	pointers(f, xs, xRow, rows)
	pointers(f, ws, wRow, cols)
	for r := range rows * cols * parts {
		f.Clear(arm64.V(r))
	}
	f.Op("CBZ", rounds, fmt.Sprintf("done%dx%d", rows, cols))
	f.Label(fmt.Sprintf("round%dx%d", rows, cols))
	for q := 0; q < quads; q += 2 {
		for i := range rows {
			f.LoadPair(xs+arm64.R(i), x(i, 0), x(i, 1))
		}
		for j := range cols {
			f.LoadPair(ws+arm64.R(j), w(j, 0), w(j, 1))
			for i := range rows {
				f.FMLA(acc(i, j, q), x(i, 0), w(j, 0))
				f.FMLA(acc(i, j, q+1), x(i, 1), w(j, 1))
			}
		}
	}
	f.Op("SUBS", "$1", rounds)
	f.Op("BNE", fmt.Sprintf("round%dx%d", rows, cols))
	f.Label(fmt.Sprintf("done%dx%d", rows, cols))
	for i := range rows {
		for j := range cols {
			total(f, acc(i, j, 0), parts)
			f.Op("FMOVS.P", acc(i, j, 0).Q(), fmt.Sprintf("4(%v)", y))
		}
	}
	f.Op("RET")
}

// lines makes func(y, x, w *float32, row, rounds, n int): y[j] = Σ x[k]·w[j][k] for n rows of w, which lie row bytes apart,
// over 16 elements a round. Rows are read one after the other, so that memory is one stream.
func lines(f *arm64.File) {
	const unroll = 2
	f.Func("dotLinesNEON", "(y, x, w *float32, row, rounds, n int)", 48, "multiplies a vector with n rows.")
	load(f, "y", y, "x", xs, "w", ws, "row", wRow, "rounds", rounds, "n", n)
	x, w := xs+1, ws+1
	step := func(u int) {
		for q := 0; q < quads; q += 2 {
			vx, vw := arm64.V(16+4*q), arm64.V(18+4*q)
			f.LoadPair(x, vx, vx+1)
			f.LoadPair(w, vw, vw+1)
			f.FMLA(arm64.V(u*quads+q), vx, vw)
			f.FMLA(arm64.V(u*quads+q+1), vx+1, vw+1)
		}
	}
	f.Label("line")
	for r := range unroll * quads {
		f.Clear(arm64.V(r))
	}
	f.Op("MOVD", xs, x)
	f.Op("MOVD", ws, w)
	f.Op("SUBS", fmt.Sprintf("$%d", unroll), rounds, left)
	f.Op("BLT", "rest")
	f.Label("rounds")
	for u := range unroll {
		step(u)
	}
	f.Op("SUBS", fmt.Sprintf("$%d", unroll), left)
	f.Op("BGE", "rounds")
	f.Label("rest")
	f.Op("ADDS", fmt.Sprintf("$%d", unroll), left)
	f.Op("BEQ", "done")
	step(0) // one is left
	f.Label("done")
	total(f, 0, unroll*quads)
	f.Op("FMOVS.P", arm64.V(0).Q(), fmt.Sprintf("4(%v)", y))
	f.Op("ADD", wRow, ws)
	f.Op("SUBS", "$1", n)
	f.Op("BNE", "line")
	f.Op("RET")
}

// load loads arguments: names and registers in turn, 8 bytes each.
func load(f *arm64.File, list ...any) {
	for i := 0; i < len(list); i += 2 {
		f.Op("MOVD", fmt.Sprintf("%s+%d(FP)", list[i], 4*i), list[i+1])
	}
}

// pointers are the addresses of n rows in registers that follow base.
func pointers(f *arm64.File, base, step arm64.R, n int) {
	for i := 1; i < n; i++ {
		f.Op("ADD", step, base+arm64.R(i-1), base+arm64.R(i))
	}
}

// total adds up the elements of count registers from s on, a power of two, into the first of s.
func total(f *arm64.File, s arm64.V, count int) {
	for ; count > 1; count /= 2 {
		for i := range arm64.V(count / 2) {
			f.FADD(s+i, s+2*i, s+2*i+1)
		}
	}
	f.FADDP(s, s, s)
	f.FADDP(s, s, s)
}
