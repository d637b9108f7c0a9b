package train

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/internal/modelinfo"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// Scores is the value whose softmax is the probabilities of the classes: what the Softmax at the end of g reads, or the
// output itself, of several the first of floating-point numbers. Its dimensions after that of the classes, if any, are of
// size 1.
func Scores(g *ir.Graph) (*ir.Value, error) {
	if v := modelinfo.Scores(g); v != nil {
		return v, nil
	}
	return nil, fmt.Errorf("train: graph %q: %w: no output is of floating-point numbers", g.Name, ErrNoClassifier)
}

// rowsOfScores makes rows of the scores of g, N×classes, and of the output that they become, where dimensions of size 1
// follow the classes.
func rowsOfScores(g *ir.Graph) error {
	scores, err := Scores(g)
	if err != nil {
		return err
	}
	shape := scores.Type().Shape
	if len(shape) < 3 || slices.ContainsFunc(shape[2:], func(d ir.Dim) bool { return d != ir.Known(1) }) {
		return nil
	}
	rw := ir.NewRetyper(g)
	rows, err := rw.Insert(nil, scores.Name()+"/rows", ir.New[ops.Flatten](), scores)
	if err == nil {
		err = rw.Replace(scores, rows)
	}
	for _, u := range slices.Clone(rows.Uses()) {
		if err != nil {
			break
		}
		switch u.Node.Op.(type) {
		case *ops.Softmax:
			err = rw.SetNode(u.Node, &ops.Softmax{Axis: 1}, rows)
		case *ops.LogSoftmax:
			err = rw.SetNode(u.Node, &ops.LogSoftmax{Axis: 1}, rows)
		}
		if err == nil {
			err = skipShapes(rw, u.Node.Out(0))
		}
	}
	if err == nil {
		err = rw.Done()
	}
	if err != nil {
		return fmt.Errorf("train: value %q: no rows can be made of its type %v: %w", scores.Name(), scores.Type(), err)
	}
	return nil
}

// skipShapes lets v take the place of what is only v in another shape.
func skipShapes(rw *ir.Rewriter, v *ir.Value) error {
	for _, u := range slices.Clone(v.Uses()) {
		switch u.Node.Op.(type) {
		case *ops.Flatten, *ops.Reshape, *ops.Squeeze, *ops.Unsqueeze:
			if err := rw.Replace(u.Node.Out(0), v); err != nil {
				return err
			}
		}
	}
	return nil
}
