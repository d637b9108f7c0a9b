package train

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
)

// Judge runs a model over the batches of a source's first epoch: the mean cross-entropy of its scores and the share of
// images whose class has the greatest. The model is run as it is for inference.
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
	var m Metrics
	hits, loss := 0, 0.0
	for b, err := range src.Epoch(ctx, 0, 0) {
		if err != nil {
			return Metrics{}, err
		}
		out, err := session.Run(ctx, b.X)
		if err != nil {
			return Metrics{}, err
		}
		y := out[0]
		if y.DType() != tensor.Float32 || y.Rank() < 2 || y.Dim(0) != len(b.Classes) || y.Len() == 0 {
			return Metrics{}, fmt.Errorf("train: value %q: %v has no row of scores for each of %d images", scores.Name(), y, len(b.Classes))
		}
		y = y.Reshaped(y.Dim(0), y.Len()/y.Dim(0))
		hits += right(y, b.Classes)
		loss += crossEntropy(y, b.Classes)
		for _, c := range b.Classes {
			if c >= 0 {
				m.Images++
			}
		}
	}
	if m.Images == 0 {
		return Metrics{}, errors.New("train: there is no image to validate with: none can be read")
	}
	m.Accuracy, m.Loss = float64(hits)/float64(m.Images), loss/float64(m.Images)
	return m, nil
}

// crossEntropy is the sum of the losses of all rows.
func crossEntropy(scores *tensor.Tensor, classes []int) float64 {
	data, width, sum := tensor.Data[float32](scores), scores.Dim(1), 0.0
	for i, c := range classes {
		row := data[i*width : (i+1)*width]
		if c < 0 || c >= width {
			continue
		}
		top, total := float64(row[argmax(row)]), 0.0
		for _, v := range row {
			total += math.Exp(float64(v) - top)
		}
		sum += top + math.Log(total) - float64(row[c])
	}
	return sum
}
