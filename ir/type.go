package ir

import (
	"slices"
	"strconv"
	"strings"

	"github.com/onnxrun/onnxrun/internal/plain"
	"github.com/onnxrun/onnxrun/tensor"
)

// Dim is a dimension, or an element of a shape-like value: a number (Sym empty), a multiple of a named unknown
// (N × Sym), or unknown (UnknownDim).
type Dim struct {
	N   int
	Sym string
}

// UnknownDim is a dimension of which nothing is known.
var UnknownDim = Dim{Sym: "?"}

// Known is a dimension of a known size.
func Known(n int) Dim { return Dim{N: n} }

// Symbol is a dimension of a named, unknown size.
func Symbol(name string) Dim {
	if name == UnknownDim.Sym || name == "" {
		return UnknownDim
	}
	return Dim{N: 1, Sym: name}
}

// IsKnown reports whether d is a number.
func (d Dim) IsKnown() bool { return d.Sym == "" }

// IsUnknown reports whether nothing is known of d.
func (d Dim) IsUnknown() bool { return d.Sym == UnknownDim.Sym }

// Same reports whether two dimensions are provably equal. Two unknown ones are not.
func (d Dim) Same(e Dim) bool { return d == e && !d.IsUnknown() }

// Mul is the product, unknown where it is not a number or a multiple of one symbol.
func (d Dim) Mul(e Dim) Dim {
	switch {
	case d == Known(0) || e == Known(0):
		return Known(0)
	case d.IsUnknown() || e.IsUnknown() || d.Sym != "" && e.Sym != "" || abs(d.N) > maxDim/abs(e.N):
		return UnknownDim
	}
	return Dim{d.N * e.N, d.Sym + e.Sym}
}

const maxDim = int(^uint(0)>>1) / 16

// Add is the sum, unknown where it is not a number or a multiple of one symbol.
func (d Dim) Add(e Dim) Dim {
	switch {
	case d == Known(0):
		return e
	case e == Known(0):
		return d
	case d.IsUnknown() || e.IsUnknown() || d.Sym != e.Sym || abs(d.N) > maxDim || abs(e.N) > maxDim:
		return UnknownDim
	case d.N == -e.N:
		return Known(0)
	}
	return Dim{d.N + e.N, d.Sym}
}

// Sub is the difference, unknown where it is not a number or a multiple of one symbol.
func (d Dim) Sub(e Dim) Dim {
	if abs(e.N) > maxDim {
		return UnknownDim
	}
	return d.Add(Dim{-e.N, e.Sym})
}

// Div is the quotient where the division is provably exact, else unknown.
func (d Dim) Div(e Dim) Dim {
	switch {
	case d.IsUnknown() || e.IsUnknown() || e.N == 0 || abs(d.N) > maxDim || d.N%e.N != 0:
		return UnknownDim
	case d.Sym == e.Sym:
		return Known(d.N / e.N)
	case e.Sym == "":
		return Dim{d.N / e.N, d.Sym}
	}
	return UnknownDim
}

// abs is |n|; the least integer, which has none, gives the greatest.
func abs(n int) int { return max(n, -max(n, -int(^uint(0)>>1))) }

func (d Dim) String() string {
	switch {
	case d.IsUnknown():
		return "?"
	case d.Sym == "":
		return strconv.Itoa(d.N)
	case d.N == 1:
		return d.Sym
	}
	return strconv.Itoa(d.N) + "*" + d.Sym
}

// Shape is the dimensions of a value; nil when not even their number is known. A scalar's shape is empty, not nil.
type Shape []Dim

// Dims makes a shape of known sizes.
func Dims(n ...int) Shape {
	s := make(Shape, len(n))
	for i, d := range n {
		s[i] = Known(d)
	}
	return s
}

// UnknownShape is a shape of a known rank and unknown dimensions.
func UnknownShape(rank int) Shape { return slices.Repeat(Shape{UnknownDim}, rank) }

// Ints is the numbers; ok is false unless all are known.
func (s Shape) Ints() (n []int, ok bool) {
	if s == nil {
		return nil, false
	}
	n = make([]int, len(s))
	for i, d := range s {
		if !d.IsKnown() {
			return nil, false
		}
		n[i] = d.N
	}
	return n, true
}

// Count is the number of elements, as far as Mul can tell.
func (s Shape) Count() Dim {
	if s == nil {
		return UnknownDim
	}
	n := Known(1)
	for _, d := range s {
		n = n.Mul(d)
	}
	return n
}

// Same reports whether two shapes are provably equal.
func (s Shape) Same(t Shape) bool {
	return s != nil && t != nil && slices.EqualFunc(s, t, Dim.Same)
}

// Clone is a copy; nil stays nil.
func (s Shape) Clone() Shape { return slices.Clone(s) }

// What is told of a shape: dimensions, and characters of a symbol.
const (
	maxDims   = 32
	maxSymbol = 64
)

// String is for a person to read: of many dimensions or long symbols the first part.
func (s Shape) String() string {
	if s == nil {
		return "[...]"
	}
	parts := make([]string, 0, len(s))
	for i, d := range s {
		if i == maxDims {
			parts = append(parts, "… ("+strconv.Itoa(len(s))+" dimensions)")
			break
		}
		parts = append(parts, plain.Text(d.String(), maxSymbol))
	}
	return "[" + strings.Join(parts, ",") + "]"
}

// Type is the type of a value: a tensor's element type and shape.
type Type struct {
	DType tensor.DType
	Shape Shape
}

// TensorType is the type of a tensor.
func TensorType(t *tensor.Tensor) Type { return Type{t.DType(), Dims(t.Shape()...)} }

func (t Type) String() string { return t.DType.String() + t.Shape.String() }

// Accepts reports whether a tensor type u may stand where t is asked for: same element type, and no dimension that is
// known in both and differs.
func (t Type) Accepts(u Type) bool {
	if t.DType != u.DType {
		return false
	}
	if t.Shape == nil || u.Shape == nil {
		return true
	}
	return slices.EqualFunc(t.Shape, u.Shape, func(a, b Dim) bool { return !a.IsKnown() || !b.IsKnown() || a == b })
}

// TypeSet is a set of element types.
type TypeSet uint32

// TypesOf makes a set.
func TypesOf(dts ...tensor.DType) TypeSet {
	var s TypeSet
	for _, d := range dts {
		s |= 1 << d
	}
	return s
}

// Has reports whether the set has d.
func (s TypeSet) Has(d tensor.DType) bool { return s&(1<<d) != 0 }

func (s TypeSet) String() string {
	var names []string
	for d := tensor.DType(1); d <= tensor.Int2; d++ {
		if s.Has(d) {
			names = append(names, d.String())
		}
	}
	return strings.Join(names, ", ")
}
