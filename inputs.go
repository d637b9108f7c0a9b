package onnxrun

import (
	"context"
	"fmt"

	"github.com/onnxrun/onnxrun/internal/modelinfo"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/vision"
)

// batch prepares images as the model's input.
func (m *Model) batch(images []*vision.Image) (*tensor.Tensor, error) {
	x, err := m.spec.Apply(images...)
	if err != nil {
		return nil, err
	}
	if x, err = modelinfo.Convert(x, m.input.Type().DType); err != nil {
		return nil, fmt.Errorf("onnxrun: input %q: %w", m.input.Name(), err)
	}
	return x, nil
}

// batchSize is how many images run at once, and whether the model takes that number only.
func (m *Model) batchSize() (n int, fixed bool) {
	if shape := modelinfo.Sizes(m.input); len(shape) > 0 && shape[0] > 0 {
		return shape[0], true
	}
	return maxBatch, false
}

// Prepare decodes the images of a data set and makes batches for the model's input of them. Images that cannot be decoded
// are left out; broken says which. A model of a fixed batch leaves out the last images where they do not fill one.
func (m *Model) Prepare(ctx context.Context, data *vision.Dataset) (batches []*tensor.Tensor, broken []error, err error) {
	n, fixed := m.batchSize()
	for b := range data.Batches(n) {
		if err := ctx.Err(); err != nil {
			return nil, broken, err
		}
		broken = append(broken, b.Broken...)
		if len(b.Images) == 0 || fixed && len(b.Images) < n {
			continue
		}
		x, err := m.batch(b.Images)
		if err != nil {
			return nil, broken, err
		}
		batches = append(batches, x)
	}
	if len(batches) == 0 {
		need := 1
		if fixed {
			need = n
		}
		return nil, broken, fmt.Errorf("onnxrun: data set %q: %d of %d images can be read, needs %d", data.Name(), data.Len()-len(broken), data.Len(), need)
	}
	return batches, broken, nil
}
