package ops

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
)

// broadcast is the shape of an elementwise operation on the shapes (ONNX, "Broadcasting in ONNX"): aligned at the last
// dimension, 1 stretches. nil where a rank is unknown.
func broadcast(shapes ...ir.Shape) (ir.Shape, error) {
	rank := 0
	for _, s := range shapes {
		if s == nil {
			return nil, nil
		}
		rank = max(rank, len(s))
	}
	out := slices.Repeat(ir.Shape{ir.Known(1)}, rank)
	for _, s := range shapes {
		for i, d := range s {
			o := &out[rank-len(s)+i]
			switch {
			case d == ir.Known(1) || d.Same(*o):
			case *o == ir.Known(1):
				*o = d
			case d.IsKnown() && o.IsKnown():
				return nil, fmt.Errorf("shapes %v cannot be broadcast: %v and %v differ", shapes, *o, d)
			case d.IsKnown(): // the other is symbolic: it is d or 1
				*o = d
			case o.IsKnown():
			default:
				*o = ir.UnknownDim
			}
		}
	}
	return out, nil
}

// broadcastInts is broadcast for shapes that are wholly known.
func broadcastInts(shapes ...[]int) ([]int, error) {
	s := make([]ir.Shape, len(shapes))
	for i, n := range shapes {
		s[i] = ir.Dims(n...)
	}
	out, err := broadcast(s...)
	if err != nil {
		return nil, err
	}
	n, _ := out.Ints()
	return n, nil
}

// broadcastStrides is the strides, in elements, with which a tensor of the shape is read as if it were of the shape
// out: row-major, 0 along stretched dimensions.
func broadcastStrides(shape, out []int) []int {
	s := make([]int, len(out))
	n := 1
	for i := len(shape) - 1; i >= 0; i-- {
		if shape[i] != 1 {
			s[len(out)-len(shape)+i] = n
		}
		n *= shape[i]
	}
	return s
}

// eachOffset calls f once for every element of shape in row-major order with its offsets by each of the strides.
func eachOffset(shape []int, strides [][]int, f func(i int, offs []int)) {
	n := product(shape)
	offs := make([]int, len(strides))
	index := make([]int, len(shape))
	for i := range n {
		f(i, offs)
		for d := len(shape) - 1; d >= 0; d-- {
			index[d]++
			for k := range strides {
				offs[k] += strides[k][d]
			}
			if index[d] < shape[d] {
				break
			}
			for k := range strides {
				offs[k] -= strides[k][d] * shape[d]
			}
			index[d] = 0
		}
	}
}

// axisOf is axis as a number from 0 to rank-1; negative axes count from the end.
func axisOf(axis, rank int) (int, error) {
	if axis < -rank || axis >= rank {
		return 0, fmt.Errorf("axis %d is outside of a tensor of %d dimensions", axis, rank)
	}
	if axis < 0 {
		axis += rank
	}
	return axis, nil
}

// axesOf is axes as distinct numbers from 0 to rank-1, in the order given.
func axesOf(axes []int, rank int) ([]int, error) {
	out := make([]int, len(axes))
	for i, a := range axes {
		n, err := axisOf(a, rank)
		if err != nil {
			return nil, err
		}
		if slices.Contains(out[:i], n) {
			return nil, fmt.Errorf("axes %v: %d occurs twice", axes, a)
		}
		out[i] = n
	}
	return out, nil
}

// always is the Shares of an operator that never does anything else.
func always(*ir.Node) bool { return true }

// sameShape is the Infer of operators whose first output has the first input's shape.
func sameShape(c *ir.InferCtx) error {
	c.SetShape(0, c.Shape(0))
	return nil
}
