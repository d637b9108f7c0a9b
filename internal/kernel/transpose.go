package kernel

// transpose writes the transposed of a rows×cols matrix, whose rows lie ld elements apart, to dst, whose rows lie ldt
// apart.
func transpose(set *Set, dst, src []float32, rows, cols, ldt, ld int) {
	r, c := set.squares(dst, src, rows, cols, ldt, ld)
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

// squares transposes as much of a rows×cols matrix as makes squares of 8×8, and returns how many rows and columns that is; 0
// where the set has no function for it. The rows of src and of dst lie ld and ldt elements apart.
func (s *Set) squares(dst, src []float32, rows, cols, ldt, ld int) (int, int) {
	rows, cols = rows&^7, cols&^7
	if s.transpose == nil || rows == 0 || cols == 0 {
		return 0, 0
	}
	_, _ = src[:(rows-1)*ld+cols], dst[:(cols-1)*ldt+rows]
	for i := 0; i < rows; i += 8 {
		s.transpose(noescape(&dst[i]), noescape(&src[i*ld]), ldt*floatBytes, ld*floatBytes, 8*ldt*floatBytes, 8*floatBytes, cols/8)
	}
	return rows, cols
}
