package train

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/onnxrun/onnxrun/internal/modelinfo"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/runtime"
)

// Judge runs a model over the batches of a source's first epoch: the mean cross-entropy of its Scores and the share of
// images whose class has the greatest. The model is run as it is for inference. A loss that is not finite is no error.
func Judge(ctx context.Context, model *ir.Graph, src Source, opts runtime.Options) (Metrics, error) {
	scores, err := Scores(model)
	if err != nil {
		return Metrics{}, err
	}
	opts.Outputs, opts.Passes = []string{scores.Name()}, nil
	session, err := runtime.Compile(ctx, model, opts)
	if err != nil {
		return Metrics{}, err
	}
	defer session.Close()
	t := Tally{Logits: true}
	for b, err := range src.Epoch(ctx, 0, 0) {
		if err != nil {
			return Metrics{}, err
		}
		out, err := session.Run(ctx, b.X)
		if err != nil {
			return Metrics{}, err
		}
		rows, err := Rows(out[0], len(b.Classes))
		if err == nil {
			err = t.Add(rows, b)
		}
		var nan *modelinfo.NaNError
		if errors.As(err, &nan) {
			return Metrics{Images: t.Images, Loss: math.NaN()}, nil
		}
		if err != nil {
			return Metrics{}, fmt.Errorf("train: value %q: %w", scores.Name(), err)
		}
	}
	if t.Images == 0 {
		return Metrics{}, errors.New("train: there is no image to validate with: none can be read")
	}
	m := t.Metrics()
	if t.Infinite > 0 {
		m.Loss = math.Inf(1)
	}
	return m, nil
}
