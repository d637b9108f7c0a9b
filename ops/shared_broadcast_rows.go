package ops

// rows is how tensors that broadcast to one shape are read together: row by row. Along a row each tensor either
// advances by one element or stays where it is. Neighbouring dimensions along which every tensor goes on in the same
// way are joined.
type rows struct {
	length  int     // elements of a row
	lengths []int   // elements of each tensor that a row reads: length or 1
	outer   []int   // the dimensions over which the rows are laid
	strides [][]int // of each tensor, over outer
}

// broadcastRows reads tensors of the shapes, which broadcast to shape, as that shape.
func broadcastRows(shape []int, shapes ...[]int) rows {
	full := make([][]int, len(shapes))
	for k, s := range shapes {
		full[k] = broadcastStrides(s, shape)
	}
	var sizes []int     // of the merged dimensions, innermost first
	var strides [][]int // of each of them, one a tensor
	for d := len(shape) - 1; d >= 0; d-- {
		if shape[d] == 1 {
			continue
		}
		step := make([]int, len(shapes))
		for k := range step {
			step[k] = full[k][d]
		}
		if last := len(sizes) - 1; last >= 0 && continues(step, strides[last], sizes[last]) {
			sizes[last] *= shape[d]
			continue
		}
		sizes, strides = append(sizes, shape[d]), append(strides, step)
	}
	return layRows(sizes, strides, len(shapes))
}

// continues reports whether a dimension of the strides step carries on where an inner one of a size ends.
func continues(step, inner []int, size int) bool {
	for k, s := range step {
		if s != inner[k]*size {
			return false
		}
	}
	return true
}

func layRows(sizes []int, strides [][]int, tensors int) rows {
	r := rows{length: 1, lengths: make([]int, tensors), strides: make([][]int, tensors)}
	for k := range r.lengths {
		r.lengths[k] = 1
	}
	if len(sizes) == 0 {
		return r
	}
	r.length = sizes[0]
	for k, s := range strides[0] { // 1, or 0 for a tensor that stays
		if s != 0 {
			r.lengths[k] = r.length
		}
	}
	for d := len(sizes) - 1; d > 0; d-- {
		r.outer = append(r.outer, sizes[d])
		for k := range r.strides {
			r.strides[k] = append(r.strides[k], strides[d][k])
		}
	}
	return r
}

// each calls f for every row: at is where it begins in the common shape, offs where it begins in each tensor.
func (r rows) each(f func(at int, offs []int)) {
	if r.length > 0 {
		eachOffset(r.outer, r.strides, func(i int, offs []int) { f(i*r.length, offs) })
	}
}
