package modelinfo

import (
	"fmt"
	"math/rand/v2"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
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
			return nil, &ShapeError{v}
		}
		for d, dim := range v.Type().Shape {
			switch {
			case ok:
			case dim.IsKnown():
				shape = append(shape, dim.N)
			case d == 0:
				shape = append(shape, batch)
			default:
				return nil, &ShapeError{v}
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
	if !Floating(dt) {
		return tensor.New(dt, shape...), nil
	}
	t := tensor.New(tensor.Float32, shape...)
	for i := range tensor.Data[float32](t) {
		tensor.Data[float32](t)[i] = float32(rng.NormFloat64())
	}
	return Convert(t, dt)
}
