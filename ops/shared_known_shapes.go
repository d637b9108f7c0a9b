package ops

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Operators whose output shapes follow from the input shapes say so in one method, on ir.Shape, which Infer and Eval
// both call: Eval checks again what was not known at inference.

// shapeOf is the shape of input i of an evaluation, nil when absent.
func shapeOf(c *ir.EvalCtx, i int) ir.Shape {
	if !c.Has(i) {
		return nil
	}
	return ir.Dims(c.In[i].Shape()...)
}

// outputShaped creates output o of a shape that follows from the inputs'.
func outputShaped(c *ir.EvalCtx, o int, dt tensor.DType, shape ir.Shape) (*tensor.Tensor, error) {
	ints, ok := shape.Ints()
	if !ok {
		return nil, fmt.Errorf("output %d: shape %v is not known", o, shape)
	}
	return c.Output(o, dt, ints...)
}

// differ reports whether two dimensions are provably different.
func differ(a, b ir.Dim) bool { return a.IsKnown() && b.IsKnown() && a.N != b.N }

// checkVector refuses a shape that is known and not [n]; nil (absent or unknown) is fine.
func checkVector(what string, s ir.Shape, n ir.Dim) error {
	if s != nil && (len(s) != 1 || differ(s[0], n)) {
		return fmt.Errorf("%s has shape %v, expects [%v]", what, s, n)
	}
	return nil
}

// knownCount is a count of which 0 stands for not known.
func knownCount(d ir.Dim) int64 {
	if !d.IsKnown() {
		return 0
	}
	return int64(d.N)
}

// checkChannels refuses a shape that is known and not N×C×….
func checkChannels(x ir.Shape) error {
	if x != nil && len(x) < 2 {
		return fmt.Errorf("input of shape %v has no channels, expects N×C×…", x)
	}
	return nil
}

// maxRank bounds the rank that inference follows.
const maxRank = 64

// length is the number of elements of input i, a vector such as a shape or a list of axes, where that is known: it tells
// the output's rank even where the elements are not known.
func length(c *ir.InferCtx, i int) (n int, ok bool) {
	s := c.Shape(i)
	if len(s) != 1 || !s[0].IsKnown() || s[0].N > maxRank {
		return 0, false
	}
	return s[0].N, true
}
