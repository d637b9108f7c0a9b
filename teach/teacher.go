package teach

import (
	"context"
	"fmt"

	"github.com/onnxrun/onnxrun/internal/modelinfo"
	"github.com/onnxrun/onnxrun/internal/suggest"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/train"
	"github.com/onnxrun/onnxrun/vision"
)

// teacher gives the scores, and features, of a model that another learns from.
type teacher struct {
	session *runtime.Session
	names   []string // of the inputs of the step that outputs are for
}

func newTeacher(ctx context.Context, g *ir.Graph, d *train.Distillation, count int, opts runtime.Options) (*teacher, error) {
	g = g.Clone()
	if _, err := train.FreeBatch(g); err != nil {
		return nil, fmt.Errorf("onnxrun: teacher: %w", err)
	}
	scores, err := train.Scores(g)
	if err != nil {
		return nil, fmt.Errorf("onnxrun: teacher: %w", err)
	}
	if n := modelinfo.Classes(scores); d.Weight > 0 && n != count {
		return nil, fmt.Errorf("onnxrun: teacher: value %q: it has %d classes, the data set %d", scores.Name(), n, count)
	}
	t := &teacher{}
	opts.Outputs = nil
	if d.Weight > 0 {
		t.names, opts.Outputs = append(t.names, train.Teacher), append(opts.Outputs, scores.Name())
	}
	for _, name := range d.Features {
		if g.Value(name) == nil {
			return nil, fmt.Errorf("onnxrun: teacher: value %q: not found%s", name, suggest.Nearest(name, modelinfo.ValueNames(g)))
		}
		opts.Outputs = append(opts.Outputs, name)
		t.names = append(t.names, train.Teacher+"/"+name)
	}
	if t.session, err = runtime.Compile(ctx, g, opts); err != nil {
		return nil, fmt.Errorf("onnxrun: teacher: %w", err)
	}
	return t, nil
}

func (t *teacher) feed(ctx context.Context, b *vision.Batch) (map[string]*tensor.Tensor, error) {
	out, err := t.session.Run(ctx, b.X)
	if err != nil {
		return nil, fmt.Errorf("onnxrun: teacher: %w", err)
	}
	feeds := map[string]*tensor.Tensor{}
	for i, name := range t.names {
		feeds[name] = out[i]
	}
	return feeds, nil
}

func (t *teacher) close() { t.session.Close() }
