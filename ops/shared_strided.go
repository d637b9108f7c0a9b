package ops

import (
	"unsafe"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// copyStrided sets the elements of dst, in row-major order of shape, to those of src that the strides lead to, in
// elements from the first one. The element types are the same, whichever they are.
func copyStrided(c *ir.EvalCtx, dst, src *tensor.Tensor, shape, strides []int) {
	if dst.Len() == 0 {
		return
	}
	offsets := make([][]int, len(shape))
	for d := range offsets {
		offsets[d] = make([]int, shape[d])
		for i := range offsets[d] {
			offsets[d][i] = i * strides[d]
		}
	}
	copyMapped(c, dst, src, offsets)
}

// copyMapped sets each element of dst, at an index with one number a dimension, to the element of src at the sum of the
// offsets that the lists, one for each dimension of dst, have for these numbers. Where an offset is negative dst is
// left as it is. The element types are the same, whichever they are.
func copyMapped(c *ir.EvalCtx, dst, src *tensor.Tensor, offsets [][]int) {
	if dst.Len() == 0 {
		return
	}
	switch dst.DType().Size() {
	case 0:
		moveMapped(c, tensor.Data[string](dst), tensor.Data[string](src), 0, offsets)
	case 1:
		moveMapped(c, dst.Bytes(), src.Bytes(), 0, offsets)
	case 2:
		moveMapped(c, elements[[2]byte](dst), elements[[2]byte](src), 0, offsets)
	case 4:
		moveMapped(c, elements[[4]byte](dst), elements[[4]byte](src), 0, offsets)
	case 8:
		moveMapped(c, elements[[8]byte](dst), elements[[8]byte](src), 0, offsets)
	case 16:
		moveMapped(c, elements[[16]byte](dst), elements[[16]byte](src), 0, offsets)
	}
}

// elements is a tensor's storage as elements of E, an array of bytes of the size of its element type.
func elements[E any](t *tensor.Tensor) []E {
	return unsafe.Slice((*E)(unsafe.Pointer(unsafe.SliceData(t.Bytes()))), t.Len())
}

func moveMapped[E any](c *ir.EvalCtx, dst, src []E, at int, offsets [][]int) {
	switch len(offsets) {
	case 0:
		dst[0] = src[at]
	case 1:
		c.Steps(len(dst), 1, func(from, to int) {
			for i, o := range offsets[0][from:to] {
				if o >= 0 {
					dst[from+i] = src[at+o]
				}
			}
		})
	default:
		n := len(dst) / len(offsets[0])
		for i, o := range offsets[0] {
			if o < 0 {
				continue
			}
			moveMapped(c, dst[i*n:][:n], src, at+o, offsets[1:])
		}
	}
}
