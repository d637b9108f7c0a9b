package runtime

import (
	"unsafe"

	"github.com/onnxrun/onnxrun/tensor"
)

// account counts the bytes that a Run takes: those of its frame, of values outside of the arena, each storage once whatever
// lies in it, and what evaluations hold beside their outputs.
type account struct {
	used, limit int
	storage     map[*byte]*holding
}

// holding is storage of values outside of the arena.
type holding struct{ bytes, values int }

func (a *account) begin(used, limit int) {
	a.used, a.limit = used, limit
	clear(a.storage)
}

// take counts bytes, fewer where negative.
func (a *account) take(bytes int) error {
	if bytes > 0 && bytes > a.limit-a.used {
		return &MemoryError{Need: a.used + bytes, Limit: a.limit}
	}
	a.used += bytes
	return nil
}

// give takes bytes back.
func (a *account) give(bytes int) { a.used -= bytes }

// keep counts the storage of a value that was computed from others, unless one of these or another value lies there, too.
func (a *account) keep(t *tensor.Tensor, from []*tensor.Tensor) error {
	key := storageOf(t)
	if h := a.storage[key]; h != nil {
		h.values++
		return nil
	}
	for _, x := range from {
		if x != nil && storageOf(x) == key { // that of an input of the graph, or a constant
			return nil
		}
	}
	if err := a.take(sizeOf(t)); err != nil {
		return err
	}
	if a.storage == nil {
		a.storage = map[*byte]*holding{}
	}
	a.storage[key] = &holding{sizeOf(t), 1}
	return nil
}

// release takes a value back that has been kept.
func (a *account) release(t *tensor.Tensor) {
	if t == nil {
		return
	}
	key := storageOf(t)
	h := a.storage[key]
	if h == nil {
		return
	}
	if h.values--; h.values == 0 {
		a.give(h.bytes)
		delete(a.storage, key)
	}
}

// storageOf is where a tensor's elements begin.
func storageOf(t *tensor.Tensor) *byte {
	if t.DType() == tensor.String {
		return (*byte)(unsafe.Pointer(unsafe.SliceData(tensor.Data[string](t))))
	}
	return unsafe.SliceData(t.Bytes())
}

// sizeOf is the bytes that a tensor takes, about.
func sizeOf(t *tensor.Tensor) int {
	const overhead = 256 // of the struct and its shape, and what allocation rounds up
	if t.DType() != tensor.String {
		return len(t.Bytes()) + overhead
	}
	n := overhead
	for _, s := range tensor.Data[string](t) {
		n += len(s) + int(unsafe.Sizeof(s))
	}
	return n
}
