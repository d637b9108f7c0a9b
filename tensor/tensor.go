package tensor

import (
	"fmt"
	"math"
	"slices"
	"unsafe"

	"github.com/onnxrun/onnxrun/internal/mapped"
	"github.com/onnxrun/onnxrun/internal/plain"
)

// Align is the alignment in bytes of the storage that New returns.
const Align = 64

// Tensor is a dense row-major tensor. A tensor of no dimensions is a scalar of one element. Its storage may be shared:
// with other tensors (Reshaped), or with a read-only file mapping (FromBytes), so who did not create a tensor does not
// write to it.
type Tensor struct {
	dtype DType
	shape []int
	n     int
	data  []byte   // n elements; every type but String
	strs  []string // String only
	owner any      // keeps data alive where that is not Go's memory
}

// KeepAlive makes the tensor, and those that are Reshaped from it, hold on to owner, whose memory they share. A slice of
// their elements does not: it is good as long as one of them is in use.
func (t *Tensor) KeepAlive(owner any) { t.owner = owner }

// Discard says that the elements are not needed for now. They stay readable: those of a mapped file are read from it again,
// all others stay in memory.
func (t *Tensor) Discard() {
	if file, ok := t.owner.(*mapped.File); ok {
		file.Discard(t.data)
	}
}

// SizeError is a shape that has a negative dimension, or more elements than memory can address.
type SizeError struct {
	DType DType
	Shape []int
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("tensor: %s%s: size is negative or too large", e.DType, plain.Text(fmt.Sprint(e.Shape), plain.Name))
}

// Count is the number of elements of a shape, with negative dimensions and overflow as a *SizeError.
func Count(dt DType, shape []int) (int, error) {
	n, empty := 1, false
	limit := math.MaxInt / max(dt.Size(), 16)
	for _, d := range shape {
		if d < 0 {
			return 0, &SizeError{dt, slices.Clone(shape)}
		}
		if d == 0 {
			empty = true
			continue
		}
		if n > limit/d {
			return 0, &SizeError{dt, slices.Clone(shape)}
		}
		n *= d
	}
	if empty {
		n = 0
	}
	return n, nil
}

// New returns a zeroed tensor. A shape that Count refuses is a programming error and panics with a *SizeError: shapes
// that come from outside go through Count first.
func New(dt DType, shape ...int) *Tensor {
	n, err := Count(dt, shape)
	if err != nil {
		panic(err)
	}
	t := &Tensor{dtype: dt, shape: slices.Clone(shape), n: n}
	if dt == String {
		t.strs = make([]string, n)
	} else {
		t.data = AlignedBytes(n * dt.Size())
	}
	return t
}

// AlignedBytes returns n zeroed bytes that start at a multiple of Align.
func AlignedBytes(n int) []byte {
	buf := make([]byte, n+Align)
	off := int(-uintptr(unsafe.Pointer(unsafe.SliceData(buf))) & (Align - 1))
	return buf[off : off+n : off+n]
}

// FromSlice wraps data, which the tensor shares. It panics when the shape does not have len(data) elements.
func FromSlice[T Elem](data []T, shape ...int) *Tensor {
	dt := TypeOf[T]()
	n, err := Count(dt, shape)
	if err != nil || n != len(data) {
		panic(fmt.Sprintf("tensor: %d elements do not fill %s%v", len(data), dt, shape))
	}
	t := &Tensor{dtype: dt, shape: slices.Clone(shape), n: n}
	if s, ok := any(data).([]string); ok {
		t.strs = s
	} else {
		t.data = unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(data))), n*dt.Size())
	}
	return t
}

// Scalar is a tensor of no dimensions.
func Scalar[T Elem](v T) *Tensor { return FromSlice([]T{v}) }

// Vector is a tensor of one dimension that holds the values.
func Vector[T Elem](v ...T) *Tensor { return FromSlice(v, len(v)) }

// FromBytes wraps the little-endian element bytes of a file, which the tensor shares; they need no alignment.
func FromBytes(dt DType, data []byte, shape ...int) (*Tensor, error) {
	n, err := Count(dt, shape)
	if err != nil {
		return nil, err
	}
	if dt.Size() == 0 || len(data) != n*dt.Size() {
		return nil, fmt.Errorf("tensor: %d bytes do not fill %s%v", len(data), dt, shape)
	}
	return &Tensor{dtype: dt, shape: slices.Clone(shape), n: n, data: data}, nil
}

// Data is the tensor's elements, shared. It panics when T is not the tensor's element type.
func Data[T Elem](t *Tensor) []T {
	dt := TypeOf[T]()
	if t.dtype != dt {
		panic(fmt.Sprintf("tensor: a %s tensor was read as %s", t.dtype, dt))
	}
	if dt == String {
		return any(t.strs).([]T)
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(t.data))), t.n)
}

// DType is the element type.
func (t *Tensor) DType() DType { return t.dtype }

// Shape is the dimensions, shared; not to be written to.
func (t *Tensor) Shape() []int { return t.shape }

// Dim is dimension i, counted from the end when negative.
func (t *Tensor) Dim(i int) int {
	if i < 0 {
		i += len(t.shape)
	}
	return t.shape[i]
}

// Rank is the number of dimensions.
func (t *Tensor) Rank() int { return len(t.shape) }

// Len is the number of elements.
func (t *Tensor) Len() int { return t.n }

// Bytes is the element storage, shared; nil for String.
func (t *Tensor) Bytes() []byte { return t.data }

// Reshaped is a tensor of another shape on the same storage. It panics when the number of elements differs.
func (t *Tensor) Reshaped(shape ...int) *Tensor {
	n, err := Count(t.dtype, shape)
	if err != nil || n != t.n {
		panic(fmt.Sprintf("tensor: %v cannot be reshaped to %v", t.shape, shape))
	}
	u := *t
	u.shape = slices.Clone(shape)
	return &u
}

// Clone is a copy with storage of its own.
func (t *Tensor) Clone() *Tensor {
	u := New(t.dtype, t.shape...)
	copy(u.data, t.data)
	copy(u.strs, t.strs)
	return u
}

// CopyFrom overwrites t's elements with src's, which has the same type and number of elements.
func (t *Tensor) CopyFrom(src *Tensor) {
	if t.dtype != src.dtype || t.n != src.n {
		panic(fmt.Sprintf("tensor: cannot copy %s%v into %s%v", src.dtype, src.shape, t.dtype, t.shape))
	}
	copy(t.data, src.data)
	copy(t.strs, src.strs)
}

// Equal reports whether type, shape and every bit of every element are the same.
func (t *Tensor) Equal(u *Tensor) bool {
	return t.dtype == u.dtype && slices.Equal(t.shape, u.shape) && string(t.data) == string(u.data) && slices.Equal(t.strs, u.strs)
}

func (t *Tensor) String() string {
	return t.dtype.String() + plain.Text(fmt.Sprint(t.shape), plain.Name)
}

// Strides is the row-major strides of a shape, in elements.
func Strides(shape []int) []int {
	s := make([]int, len(shape))
	n := 1
	for i := len(shape) - 1; i >= 0; i-- {
		s[i] = n
		n *= shape[i]
	}
	return s
}
