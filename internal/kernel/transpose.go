package kernel

// transpose writes the transposed of a rows×cols matrix, whose rows lie ld elements apart, to dst, whose rows lie ldt
// apart.
func transpose(impl Impl, dst, src []float32, rows, cols, ldt, ld int) {
	r, c := transposeSquares(impl, dst, src, rows, cols, ldt, ld)
	if r == rows && c == cols {
		return
	}
	for i := range rows {
		from := c
		if i >= r {
			from = 0
		}
		line := src[i*ld:][:cols]
		for j := from; j < cols; j++ {
			dst[j*ldt+i] = line[j]
		}
	}
}
