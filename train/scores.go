package train

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// Scores is the value whose softmax is the probabilities of the classes: what the Softmax at the end of g reads, or the
// output itself, of several the first of floating-point numbers. Its dimensions behind the classes, if any, are of size 1.
func Scores(g *ir.Graph) (*ir.Value, error) {
	i := slices.IndexFunc(g.Outputs(), floating)
	if i < 0 {
		return nil, fmt.Errorf("train: graph %q: %w: no output is of floating-point numbers", g.Name, ErrNoClassifier)
	}
	out := g.Outputs()[i]
	for v := out; v.Def() != nil; v = v.Def().In(0) {
		switch v.Def().Op.(type) {
		case *ops.Softmax, *ops.LogSoftmax, *ops.Sigmoid:
			return v.Def().In(0), nil
		case *ops.Identity, *ops.Cast, *ops.Flatten, *ops.Reshape, *ops.Squeeze, *ops.Unsqueeze:
		default:
			return out, nil
		}
	}
	return out, nil
}
