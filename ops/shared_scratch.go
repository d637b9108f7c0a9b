package ops

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// scratch hands out working memory to an evaluation, piece by piece. Once a piece is too much, that and all further
// ones are nil, and err says why: it is to be looked at after the last piece.
type scratch struct {
	c   *ir.EvalCtx
	err error
}

// take is zeroed elements, as many as the product of the sizes.
func take[T any](s *scratch, sizes ...int) (data []T) {
	if s.err == nil {
		data, s.err = ir.Scratch[T](s.c, sizes...)
	}
	return data
}

func (s *scratch) floats(sizes ...int) []float64 { return take[float64](s, sizes...) }

// wide is the elements of a numeric tensor as float64, nil for nil; they may be the tensor's own.
func (s *scratch) wide(t *tensor.Tensor) []float64 {
	if t == nil {
		return nil
	}
	if s.reserve(t, tensor.Float64); s.err != nil {
		return nil
	}
	return asFloat64(t)
}

// ints is the elements of an integer tensor, a copy.
func (s *scratch) ints(t *tensor.Tensor) []int {
	if s.reserve(t, tensor.Undefined); s.err != nil {
		return nil
	}
	ints, _ := t.AsInts()
	return ints
}

// reserve counts eight bytes for each element of a tensor that is not of a type.
func (s *scratch) reserve(t *tensor.Tensor, but tensor.DType) {
	if s.err == nil && t.DType() != but {
		s.err = s.c.Reserve(t.Len(), 8)
	}
}
