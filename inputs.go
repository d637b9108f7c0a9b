package onnxrun

import (
	"fmt"
	"math/rand/v2"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/vision"
)

// RandomInputs makes a tensor for each of a graph's inputs: floating-point numbers from the standard normal distribution,
// as prepared images are at large, zeros for other types. shapes are by name; where there is none, a first dimension that
// the graph leaves open is batch, and others are an error.
func RandomInputs(inputs []*ir.Value, batch int, shapes map[string][]int, seed uint64) ([]*tensor.Tensor, error) {
	for name := range shapes {
		if !hasName(inputs, name) {
			return nil, fmt.Errorf("onnxrun: the model has no such input: %q", name)
		}
	}
	if batch < 1 {
		return nil, fmt.Errorf("onnxrun: a batch of %d images, expects at least 1", batch)
	}
	rng, size := rand.New(rand.NewPCG(seed, 1)), 0
	var out []*tensor.Tensor
	for _, v := range inputs {
		shape, ok := shapes[v.Name()]
		if !ok && v.Type().Shape == nil {
			return nil, fmt.Errorf("onnxrun: input %q is %v: give its shape (--shape)", v.Name(), v.Type())
		}
		for d, dim := range v.Type().Shape {
			switch {
			case ok:
			case dim.IsKnown():
				shape = append(shape, dim.N)
			case d == 0:
				shape = append(shape, batch)
			default:
				return nil, fmt.Errorf("onnxrun: input %q is %v: give its shape (--shape)", v.Name(), v.Type())
			}
		}
		n, err := tensor.Count(v.Type().DType, shape)
		if err == nil {
			if size += n * max(1, v.Type().DType.Size()); size > runtime.DefaultMaxMemory {
				err = fmt.Errorf("shape %v takes more than %d bytes", shape, runtime.DefaultMaxMemory)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("onnxrun: input %q: %w", v.Name(), err)
		}
		t, err := randomTensor(rng, v.Type().DType, shape)
		if err != nil {
			return nil, fmt.Errorf("onnxrun: input %q: %w", v.Name(), err)
		}
		out = append(out, t)
	}
	return out, nil
}

func hasName(values []*ir.Value, name string) bool {
	for _, v := range values {
		if v.Name() == name {
			return true
		}
	}
	return false
}

func randomTensor(rng *rand.Rand, dt tensor.DType, shape []int) (*tensor.Tensor, error) {
	if _, err := tensor.Count(dt, shape); err != nil {
		return nil, err
	}
	if !convertible[dt] {
		return tensor.New(dt, shape...), nil
	}
	t := tensor.New(tensor.Float32, shape...)
	for i := range tensor.Data[float32](t) {
		tensor.Data[float32](t)[i] = float32(rng.NormFloat64())
	}
	return convertTo(t, dt)
}

// batch prepares images as the model's input.
func (m *Model) batch(images []*vision.Image) (*tensor.Tensor, error) {
	x, err := m.spec.Apply(images...)
	if err != nil {
		return nil, err
	}
	if x, err = convertTo(x, m.input.Type().DType); err != nil {
		return nil, fmt.Errorf("onnxrun: input %q: %w", m.input.Name(), err)
	}
	return x, nil
}

// batchSize is how many images run at once, and whether the model takes that number only.
func (m *Model) batchSize() (n int, fixed bool) {
	if shape := inputShape(m.input); len(shape) > 0 && shape[0] > 0 {
		return shape[0], true
	}
	return maxBatch, false
}

// Prepare decodes the images of a data set and makes batches for the model's input of them. Images that cannot be decoded
// are left out; broken says which. A model of a fixed batch leaves out the last images where they do not fill one.
func (m *Model) Prepare(data *vision.Dataset) (batches []*tensor.Tensor, broken []error, err error) {
	n, fixed := m.batchSize()
	for b := range data.Batches(n) {
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
