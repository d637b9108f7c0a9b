package kernel

import "fmt"

// maxRank is the greatest number of dimensions, after collapse, that strided kernels take.
const maxRank = 8

// walk goes through a dense index space, whose dimensions are sizes, in two arrays at once. The last dimension is a
// line; lines counts the others' product.
type walk struct {
	sizes   []int
	strides [2][]int
	lines   int
}

// newWalk drops dimensions of size 1 and merges neighbours that are one run in both arrays.
func newWalk(what string, sizes, strides0, strides1 []int) (*walk, error) {
	if len(strides0) != len(sizes) || len(strides1) != len(sizes) {
		return nil, fmt.Errorf("kernel: %s: strides %v and %v for sizes %v", what, strides0, strides1, sizes)
	}
	n, err := count(what, sizes...)
	if err != nil {
		return nil, err
	}
	w := &walk{}
	for d, size := range sizes {
		if size == 1 {
			continue
		}
		s0, s1 := strides0[d], strides1[d]
		if last := len(w.sizes) - 1; last >= 0 && w.strides[0][last] == s0*size && w.strides[1][last] == s1*size {
			w.sizes[last] *= size
			w.strides[0][last], w.strides[1][last] = s0, s1
			continue
		}
		w.add(size, s0, s1)
	}
	if len(w.sizes) == 0 {
		w.add(1, 1, 1)
	}
	if len(w.sizes) > maxRank {
		return nil, fmt.Errorf("kernel: %s: unsupported number of dimensions: %d after collapse, at most %d",
			what, len(w.sizes), maxRank)
	}
	if n > 0 {
		w.lines = n / w.length()
	}
	return w, nil
}

func (w *walk) add(size, s0, s1 int) {
	w.sizes = append(w.sizes, size)
	w.strides[0], w.strides[1] = append(w.strides[0], s0), append(w.strides[1], s1)
}

// length is the number of elements of a line.
func (w *walk) length() int { return w.sizes[len(w.sizes)-1] }

// steps are the strides within a line.
func (w *walk) steps() (int, int) {
	last := len(w.sizes) - 1
	return w.strides[0][last], w.strides[1][last]
}

// cursor is at one line of a walk; at are the offsets of its first element in the two arrays.
type cursor struct {
	w     *walk
	index [maxRank]int
	at    [2]int
}

// seek returns a cursor at a line.
func (w *walk) seek(line int) cursor {
	c := cursor{w: w}
	for d := len(w.sizes) - 2; d >= 0; d-- {
		i := line % w.sizes[d]
		line /= w.sizes[d]
		c.index[d] = i
		c.at[0] += i * w.strides[0][d]
		c.at[1] += i * w.strides[1][d]
	}
	return c
}

// next moves to the next line, after the last one to the first.
func (c *cursor) next() {
	w := c.w
	for d := len(w.sizes) - 2; d >= 0; d-- {
		c.at[0] += w.strides[0][d]
		c.at[1] += w.strides[1][d]
		if c.index[d]++; c.index[d] < w.sizes[d] {
			return
		}
		c.index[d] = 0
		c.at[0] -= w.sizes[d] * w.strides[0][d]
		c.at[1] -= w.sizes[d] * w.strides[1][d]
	}
}

// denseStrides are the strides of a row-major array.
func denseStrides(shape []int) []int {
	s := make([]int, len(shape))
	n := 1
	for d := len(shape) - 1; d >= 0; d-- {
		s[d] = n
		n *= shape[d]
	}
	return s
}
