package onnxrun

import (
	"context"
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/internal/modelinfo"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/vision"
)

// maxBatch bounds how many images run at once: more take memory and no less time.
const maxBatch = 16

// fixedBatch is how many images the model takes at once, 0 if any number.
func (m *Model) fixedBatch() int {
	if shape := modelinfo.Sizes(m.input); len(shape) > 0 && shape[0] > 0 {
		return shape[0]
	}
	return 0
}

// stream makes batches of a data set for the model's input, of the number of images that it takes if that is fixed, else of
// those of the options.
func (m *Model) stream(data *vision.Dataset, o vision.StreamOptions) (*vision.Stream, error) {
	o.Spec, o.Type, o.Workers = m.spec, m.input.Type().DType, m.opts.Runtime.Threads
	if n := m.fixedBatch(); n > 0 {
		o.Batch = n
	}
	n := o.Batch
	if o.Rest != vision.RestFilled {
		n = min(n, data.Len())
	}
	size, err := tensor.Count(tensor.Float32, []int{max(n, 0), m.spec.Channels, m.spec.Height, m.spec.Width})
	if err != nil || size > runtime.DefaultMaxMemory/4 {
		return nil, fmt.Errorf("onnxrun: a batch of %d images takes more than %d bytes", n, runtime.DefaultMaxMemory)
	}
	return vision.NewStream(data, o)
}

// Prepare decodes the images of a data set and makes batches for the model's input of them. Images that cannot be decoded
// are left out; broken says which. A model of a fixed batch leaves out the last images where they do not fill one.
func (m *Model) Prepare(ctx context.Context, data *vision.Dataset) (batches []*tensor.Tensor, broken []error, err error) {
	stream, err := m.stream(data, vision.StreamOptions{Batch: maxBatch, Keep: true})
	if err != nil {
		return nil, nil, err
	}
	need := max(1, m.fixedBatch())
	for b, err := range stream.Epoch(ctx, 0, 0) {
		if err != nil {
			return nil, broken, err
		}
		broken = append(broken, b.Broken...)
		if len(b.Images) >= need {
			batches = append(batches, b.X)
		}
	}
	if len(batches) == 0 {
		return nil, broken, fmt.Errorf("onnxrun: data set %q: %d of %d images can be read, needs %d", data.Name(), data.Len()-len(broken), data.Len(), need)
	}
	return batches, broken, nil
}

// activations computes a value for the images of a data set and joins the results along the first dimension, as float32. An
// image that cannot be read is an error.
func (m *Model) activations(ctx context.Context, v *ir.Value, data *vision.Dataset) (*tensor.Tensor, error) {
	s, err := m.sessions.open(ctx, v)
	if err != nil {
		return nil, err
	}
	defer m.sessions.release(s)
	if n := m.fixedBatch(); n > 0 && data.Len()%n != 0 {
		return nil, fmt.Errorf("onnxrun: the model takes batches of %d images, %d were given", n, data.Len())
	}
	stream, err := m.stream(data, vision.StreamOptions{Batch: maxBatch, Broken: vision.BrokenRefused})
	if err != nil {
		return nil, err
	}
	var parts []*tensor.Tensor
	for b, err := range stream.Epoch(ctx, 0, 0) {
		if err != nil {
			return nil, err
		}
		var in []*tensor.Tensor
		if len(s.Inputs()) > 0 { // a layer that depends on constants alone needs none
			in = append(in, b.X)
		}
		out, err := s.Run(ctx, in...)
		if err != nil {
			return nil, err
		}
		y, err := modelinfo.Convert(out[0], tensor.Float32)
		if err != nil {
			return nil, fmt.Errorf("onnxrun: layer %q: %w", v.Name(), err)
		}
		if y.Rank() == 0 || y.Dim(0) != len(b.Images) {
			return nil, fmt.Errorf("onnxrun: layer %q: %v has no row for each of %d images", v.Name(), y, len(b.Images))
		}
		parts = append(parts, y)
	}
	return join(parts)
}

// join concatenates tensors along the first dimension.
func join(parts []*tensor.Tensor) (*tensor.Tensor, error) {
	if len(parts) == 0 {
		return nil, fmt.Errorf("onnxrun: no images")
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	shape := slices.Clone(parts[0].Shape())
	var data []float32
	shape[0] = 0
	for _, p := range parts {
		data = append(data, tensor.Data[float32](p)...)
		shape[0] += p.Dim(0)
	}
	return tensor.FromSlice(data, shape...), nil
}
