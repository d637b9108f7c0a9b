package ops

import (
	"unsafe"

	"github.com/onnxrun/onnxrun/tensor"
)

// copyStrided sets dst's elements, in row-major order of shape, to those that strides (in elements, from the first one
// on) reach in src, of the same element type whatever it is.
func copyStrided(dst, src *tensor.Tensor, shape, strides []int) {
	switch dst.DType().Size() {
	case 0:
		moveStrided(tensor.Data[string](dst), tensor.Data[string](src), shape, strides)
	case 1:
		moveStrided(dst.Bytes(), src.Bytes(), shape, strides)
	case 2:
		moveStrided(elements[[2]byte](dst), elements[[2]byte](src), shape, strides)
	case 4:
		moveStrided(elements[[4]byte](dst), elements[[4]byte](src), shape, strides)
	case 8:
		moveStrided(elements[[8]byte](dst), elements[[8]byte](src), shape, strides)
	case 16:
		moveStrided(elements[[16]byte](dst), elements[[16]byte](src), shape, strides)
	}
}

// elements is a tensor's storage as elements of E, an array of bytes of the size of its element type.
func elements[E any](t *tensor.Tensor) []E {
	return unsafe.Slice((*E)(unsafe.Pointer(unsafe.SliceData(t.Bytes()))), t.Len())
}

func moveStrided[E any](dst, src []E, shape, strides []int) {
	if len(dst) == 0 {
		return
	}
	if len(shape) == 0 {
		dst[0] = src[0]
		return
	}
	last := len(shape) - 1
	n, step := shape[last], strides[last]
	eachOffset(shape[:last], [][]int{strides[:last]}, func(i int, offs []int) {
		run, at := dst[i*n:][:n], offs[0]
		for j := range run {
			run[j] = src[at]
			at += step
		}
	})
}
