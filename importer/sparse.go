package importer

import (
	"errors"
	"fmt"

	"github.com/onnxrun/onnxrun/importer/onnxpb"
	"github.com/onnxrun/onnxrun/tensor"
)

// sparse makes a sparse tensor dense: indices are linear, or one row of coordinates for each value.
func (d *decoder) sparse(p *onnxpb.SparseTensorProto) (*tensor.Tensor, error) {
	if p.Values == nil || p.Indices == nil {
		return nil, errors.New("a sparse tensor lacks values or indices")
	}
	values, err := d.tensor(p.Values)
	if err != nil {
		return nil, err
	}
	indices, err := d.tensor(p.Indices)
	if err != nil {
		return nil, err
	}
	shape := make([]int, len(p.Dims))
	for i, n := range p.Dims {
		shape[i] = int(n)
	}
	dt := values.DType()
	n, err := tensor.Count(dt, shape)
	if err != nil {
		return nil, err
	}
	if dt == tensor.String || indices.DType() != tensor.Int64 || values.Rank() != 1 {
		return nil, fmt.Errorf("a sparse tensor of %v with indices %v and shape %v is %w", values, indices, shape, ErrUnsupported)
	}
	at, _ := indices.AsInts()
	width := 1
	if indices.Rank() == 2 {
		width = indices.Dim(1)
	}
	if len(at) != values.Len()*width || width != 1 && width != len(shape) {
		return nil, fmt.Errorf("a sparse tensor has %d values and indices %v", values.Len(), indices)
	}
	if err := d.spend(n * dt.Size()); err != nil {
		return nil, fmt.Errorf("a sparse tensor of shape %v: %w", shape, err)
	}
	dense, size, strides := tensor.New(dt, shape...), dt.Size(), tensor.Strides(shape)
	for i := range values.Len() {
		to := 0
		for d := range width {
			if k := at[i*width+d]; width > 1 {
				if k < 0 || k >= shape[d] {
					return nil, fmt.Errorf("a sparse tensor's index %d is out of range", k)
				}
				to += k * strides[d]
			} else {
				to = k
			}
		}
		if to < 0 || to >= n {
			return nil, fmt.Errorf("a sparse tensor's index %d is out of range", to)
		}
		copy(dense.Bytes()[to*size:(to+1)*size], values.Bytes()[i*size:])
	}
	return dense, nil
}
