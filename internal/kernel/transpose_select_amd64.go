//go:build !noasm

package kernel

// transposeSquares transposes as much of a rows×cols matrix as makes squares of 8×8, and returns how many rows and
// columns that is; 0 where impl has no function for it. The rows of src and of dst lie ld and ldt elements apart.
func transposeSquares(impl Impl, dst, src []float32, rows, cols, ldt, ld int) (int, int) {
	rows, cols = rows&^7, cols&^7
	if impl == Generic || rows == 0 || cols == 0 {
		return 0, 0
	}
	_, _ = src[:(rows-1)*ld+cols], dst[:(cols-1)*ldt+rows]
	for i := 0; i < rows; i += 8 {
		transpose8AVX2(&dst[i], &src[i*ld], ldt*floatBytes, ld*floatBytes, 8*ldt*floatBytes, 8*floatBytes, cols/8)
	}
	return rows, cols
}
