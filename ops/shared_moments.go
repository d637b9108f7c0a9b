package ops

import (
	"fmt"
	"math"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// moments is the mean and the population variance of row, which is not empty.
func moments[T tensor.Float](row []T) (mean, variance float64) {
	for _, v := range row {
		mean += float64(v)
	}
	mean /= float64(len(row))
	for _, v := range row {
		variance += (float64(v) - mean) * (float64(v) - mean)
	}
	return mean, variance / float64(len(row))
}

// standardize sets y to row with mean 0 and variance 1, as far as epsilon, which is added to the variance, lets it.
func standardize[T tensor.Float](y, row []T, epsilon float32) {
	mean, variance := moments(row)
	inv := 1 / math.Sqrt(variance+float64(epsilon))
	for i, v := range row {
		y[i] = T((float64(v) - mean) * inv)
	}
}

// scaleChannels sets each element of y, whose planes take turns in channels, to y·scale + bias of its channel.
func scaleChannels[T tensor.Float](y, scale, bias []T, plane int) {
	for i := range len(y) / max(plane, 1) {
		s, b := scale[i%len(scale)], bias[i%len(scale)]
		for j := range y[i*plane:][:plane] {
			y[i*plane+j] = y[i*plane+j]*s + b
		}
	}
}

// checkChannelVectors refuses an input that is not N×C×…, and vectors, named by what, that are not of C elements.
func checkChannelVectors(x ir.Shape, what [2]string, scale, bias ir.Shape) error {
	if err := checkChannels(x); err != nil {
		return err
	}
	channels := ir.UnknownDim
	if x != nil {
		channels = x[1]
	}
	if err := checkVector(what[0], scale, channels); err != nil {
		return err
	}
	return checkVector(what[1], bias, channels)
}

// trailing is how LayerNormalization and RMSNormalization cut a shape: the dimensions from axis on are one row.
func trailing(x ir.Shape, axis int, vectors ...ir.Shape) (outer, row ir.Shape, err error) {
	a, err := axisOf(axis, len(x))
	if err != nil {
		return nil, nil, &ir.AttrError{Attr: "axis", Msg: err.Error()}
	}
	for _, v := range vectors {
		if v == nil {
			continue
		}
		if len(v) > len(x)-a {
			return nil, nil, fmt.Errorf("scale or bias of shape %v cannot be broadcast to %v", v, x[a:])
		}
		for i, d := range v {
			if to := x[len(x)-len(v)+i]; differ(d, to) && d.N != 1 {
				return nil, nil, fmt.Errorf("scale or bias of shape %v cannot be broadcast to %v", v, x[a:])
			}
		}
	}
	return x[:a], x[a:], nil
}

// stretched is the elements of a tensor broadcast to a shape, as float64; n of them are fill where t is absent.
func (s *scratch) stretched(t *tensor.Tensor, shape []int, fill float64) []float64 {
	out := s.floats(shape...)
	if t == nil {
		for i := range out {
			out[i] = fill
		}
		return out
	}
	data := s.wide(t)
	if s.err != nil {
		return nil
	}
	eachOffset(shape, [][]int{broadcastStrides(t.Shape(), shape)}, func(i int, offs []int) { out[i] = data[offs[0]] })
	return out
}
