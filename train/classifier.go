package train

import (
	"errors"
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// ErrNoClassifier says that no layer of a model gives one score for each class; errors.Is finds it, and errors.As the
// *ir.Error of the node at which the search ended.
var ErrNoClassifier = errors.New("no classifier found")

// Classifier is the layer that gives the scores of the classes: the last Gemm, MatMul or Conv of one group, with constant
// weights, upstream of the scores. Downstream of it there may be what keeps the classes apart: a bias, pooling, an
// activation, normalization, other shapes. Constants that are computed must have been folded (pass fold).
func Classifier(g *ir.Graph) (*ir.Node, error) {
	scores, err := Scores(g)
	if err != nil {
		return nil, err
	}
	v := scores
	for {
		n := v.Def()
		if n == nil {
			return nil, fmt.Errorf("train: value %q: %w: the search back from the scores %q ends here; name the layer", v.Name(), ErrNoClassifier, scores.Name())
		}
		fail := func(why string) (*ir.Node, error) {
			return nil, fmt.Errorf("train: %w", &ir.Error{Node: n.Name, Op: n.OpName(), Err: fmt.Errorf("%w: %s; name the layer", ErrNoClassifier, why)})
		}
		if isLayer(n) {
			if weightsOf(n) == nil || groups(n.Op) != 1 {
				return fail("its weights are not constant, or it has groups")
			}
			if classes, ok := scoresPerImage(scores); ok && classes != width(n) {
				return fail(fmt.Sprintf("it has %d outputs, and there are %d scores for an image", width(n), classes))
			}
			return n, nil
		}
		if v = pastClassifier(n); v == nil {
			return fail(fmt.Sprintf("the search back from the scores %q ends here", scores.Name()))
		}
	}
}

// scoresPerImage is how many elements of v an image has, where that is known.
func scoresPerImage(v *ir.Value) (int, bool) {
	shape := v.Type().Shape
	if len(shape) > 1 {
		shape = shape[1:]
	}
	n := shape.Count()
	return n.N, n.IsKnown()
}

// pastClassifier is what n reads if it may stand downstream of a classifier, else nil.
func pastClassifier(n *ir.Node) *ir.Value {
	switch n.Op.(type) {
	case *ops.Add, *ops.Sub, *ops.Mul, *ops.Div:
		a, b := n.In(0), n.In(1)
		if a.Const() != nil {
			a, b = b, a
		}
		if b.Const() == nil || a.Const() != nil {
			return nil
		}
		return a
	case *ops.Identity, *ops.Cast, *ops.Dropout, *ops.Flatten, *ops.Reshape, *ops.Squeeze, *ops.Unsqueeze, *ops.Transpose,
		*ops.ReduceMean, *ops.ReduceSum, *ops.ReduceMax, *ops.GlobalAveragePool, *ops.GlobalMaxPool, *ops.AveragePool, *ops.MaxPool,
		*ops.BatchNormalization, *ops.Relu, *ops.LeakyRelu, *ops.PRelu, *ops.Clip, *ops.Elu, *ops.Gelu, *ops.HardSwish, *ops.Tanh,
		*ops.Sigmoid, *ops.Softmax, *ops.LogSoftmax:
		return n.In(0)
	}
	return nil
}

// ReplaceClassifier gives the layer n fresh weights for another number of classes, and makes the nodes downstream of it fit; its
// bias and those downstream begin at 0, scales at 1. Scores of N×classes×1×1 become N×classes, the output with them. Names
// stay, those of the weights too. The weights follow from seed and their name. Labels in the metadata are the caller's to
// set. It returns n; after an error g is of no further use.
func ReplaceClassifier(g *ir.Graph, n *ir.Node, classes int, seed uint64) (*ir.Node, error) {
	fail := func(format string, args ...any) (*ir.Node, error) {
		return nil, fmt.Errorf("train: %w", &ir.Error{Node: n.Name, Op: n.OpName(), Err: fmt.Errorf(format, args...)})
	}
	switch {
	case n.Graph() != g:
		return fail("is not in the graph")
	case weightsOf(n) == nil || groups(n.Op) != 1:
		return fail("is no Gemm, MatMul or Conv of one group with constant weights: name another layer as classifier")
	case classes < 1 || classes > maxClasses:
		return fail("%d classes, expects 1 to %d", classes, maxClasses)
	}
	if scores, err := Scores(g); err == nil {
		if found, ok := scoresPerImage(scores); ok && found != width(n) {
			return fail("is not the classifier: with %d outputs there are %d scores for an image", width(n), found)
		}
	}
	a := newAdapter(g, seed)
	out, _ := axes(n)
	shape := slices.Clone(n.In(1).Const().Shape())
	shape[out] = classes
	if err := a.remake(n, n.Op, shape); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	if err := a.finish(); err != nil {
		return nil, err
	}
	if err := rowsOfScores(g); err != nil {
		return nil, err
	}
	scores, err := Scores(g)
	if err != nil {
		return nil, err
	}
	if found, ok := scoresPerImage(scores); ok && found != classes {
		return fail("is not the classifier: with %d outputs there are %d scores for an image", classes, found)
	}
	return n, nil
}

// maxClasses bounds the number of classes.
const maxClasses = 1 << 20
