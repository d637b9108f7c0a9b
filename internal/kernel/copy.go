package kernel

import (
	"fmt"
	"slices"
)

// CopySpec describes a copy of elements between two strided arrays: for every index of Shape, dst[DstOffset +
// Σ index·DstStrides] = src[SrcOffset + Σ index·SrcStrides], all counted in elements. It is transposition (permuted
// source strides), slicing (a source offset, strides multiplied by steps, negative ones too), concatenation (one copy
// per input, with its destination offset), broadcasting (source stride 0) and padding. No two indices may have the same
// destination.
type CopySpec struct {
	Shape                  []int
	DstStrides, SrcStrides []int
	DstOffset, SrcOffset   int
	Split                  int
}

// PermuteSpec is the copy that transposes a dense array of the given shape: dimension i of the result is dimension
// perm[i] of the source, as ONNX's Transpose has it.
func PermuteSpec(shape, perm []int, split int) (CopySpec, error) {
	seen := slices.Clone(perm)
	slices.Sort(seen)
	for i, p := range seen {
		if p != i || len(perm) != len(shape) {
			return CopySpec{}, fmt.Errorf("kernel: permute: %v is no permutation of %d dimensions", perm, len(shape))
		}
	}
	if len(perm) != len(shape) {
		return CopySpec{}, fmt.Errorf("kernel: permute: %v is no permutation of %d dimensions", perm, len(shape))
	}
	strides := denseStrides(shape)
	s := CopySpec{Split: split}
	for _, p := range perm {
		s.Shape, s.SrcStrides = append(s.Shape, shape[p]), append(s.SrcStrides, strides[p])
	}
	s.DstStrides = denseStrides(s.Shape)
	return s, nil
}

// Copy is a prepared strided copy, for any element type.
type Copy struct {
	walk               *walk
	dst, src           int // offsets
	transposed         bool
	dstStride, srcStep int // transposed: from line to line of dst, from element to element of a line in src
	chunks                 // of elements, or of lines where transposed
}

// NewCopy prepares a strided copy.
func NewCopy(spec CopySpec) (*Copy, error) {
	w, err := newWalk("copy", spec.Shape, spec.DstStrides, spec.SrcStrides)
	if err != nil {
		return nil, err
	}
	c := &Copy{walk: w, dst: spec.DstOffset, src: spec.SrcOffset}
	if c.transposed = w.transpose(); c.transposed {
		n := len(w.sizes)
		c.dstStride, c.srcStep = w.strides[0][n-2], w.strides[1][n-1]
		c.chunks = newChunks(w.lines, spec.Split, grain/w.length())
	} else {
		c.chunks = newChunks(w.lines*w.length(), spec.Split, grain)
	}
	return c, nil
}

// transpose moves the dimension along which array 1 lies element by element to the place before the last, if along the
// last it does not, so that both arrays can be walked in small blocks. The order in which a copy visits elements is free.
func (w *walk) transpose() bool {
	last := len(w.sizes) - 1
	d := slices.Index(w.strides[1], 1)
	if w.lines == 0 || d < 0 || d == last || w.strides[1][last] == 0 || w.sizes[d] < copyLines {
		return false
	}
	for _, s := range [][]int{w.sizes, w.strides[0], w.strides[1]} {
		v := s[d]
		copy(s[d:], s[d+1:last])
		s[last-1] = v
	}
	return true
}

// copyLines is the number of destination lines that a transposed copy writes side by side.
const copyLines = 8

// RunCopy does one task of a copy.
func RunCopy[T any](c *Copy, task int, dst, src []T) {
	lo, hi := c.bounds(task)
	if c.transposed {
		copyTransposed(c, dst, src, lo, hi)
		return
	}
	n := c.walk.length()
	s0, s1 := c.walk.steps()
	at := lo % n
	for cur := c.walk.seek(lo / n); lo < hi; cur.next() {
		m := min(n-at, hi-lo)
		copyLine(dst, src, c.dst+cur.at[0]+at*s0, c.src+cur.at[1]+at*s1, s0, s1, m)
		lo, at = lo+m, 0
	}
}

// RunFloat32 is RunCopy with the transposition of a set.
func (c *Copy) RunFloat32(set *Set, task int, dst, src []float32) {
	dStep, _ := c.walk.steps()
	if !c.transposed || !set.Has(FamilyTranspose) || dStep != 1 {
		RunCopy(c, task, dst, src)
		return
	}
	lo, hi := c.bounds(task)
	n, group := c.walk.length(), c.walk.sizes[len(c.walk.sizes)-2]
	for lo < hi {
		lines := min(hi-lo, group-lo%group)
		cur := c.walk.seek(lo)
		transpose(set, dst[c.dst+cur.at[0]:], src[c.src+cur.at[1]:], n, lines, c.dstStride, c.srcStep)
		lo += lines
	}
}

func copyLine[T any](dst, src []T, d, s, dStep, sStep, n int) {
	switch {
	case dStep == 1 && sStep == 1:
		copy(dst[d:d+n], src[s:s+n])
	case dStep == 1:
		for i := range dst[d : d+n] {
			dst[d+i] = src[s]
			s += sStep
		}
	default:
		for range n {
			dst[d] = src[s]
			d, s = d+dStep, s+sStep
		}
	}
}

// copyTransposed copies lines lo…hi-1, up to copyLines at a time: they are neighbours in src.
func copyTransposed[T any](c *Copy, dst, src []T, lo, hi int) {
	n := c.walk.length()
	group := c.walk.sizes[len(c.walk.sizes)-2]
	dStep, _ := c.walk.steps()
	for lo < hi {
		lines := min(hi-lo, group-lo%group, copyLines)
		cur := c.walk.seek(lo)
		d, s := c.dst+cur.at[0], c.src+cur.at[1]
		for range n {
			at := d
			for _, v := range src[s : s+lines] {
				dst[at] = v
				at += c.dstStride
			}
			d, s = d+dStep, s+c.srcStep
		}
		lo += lines
	}
}
