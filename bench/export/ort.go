package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/onnxrun/onnxrun/tensor"
)

// runORT is the outputs that ONNX Runtime computes of a file.
func runORT(path string, inputs []*tensor.Tensor) ([]*tensor.Tensor, error) {
	ins, outs, err := ort.GetInputOutputInfo(path)
	if err != nil && strings.Contains(err.Error(), "Could not find an implementation") {
		return nil, fmt.Errorf("%w: %w", errNoKernel, err)
	}
	if err != nil {
		return nil, err
	}
	var inNames, outNames []string
	var values []ort.Value
	defer func() {
		for _, v := range values {
			v.Destroy()
		}
	}()
	for _, in := range ins {
		if len(inNames) == len(inputs) { // initializers that are inputs, too
			break
		}
		x := inputs[len(inNames)]
		inNames = append(inNames, in.Name)
		var shape ort.Shape
		for _, n := range x.Shape() {
			shape = append(shape, int64(n))
		}
		if x.DType() == tensor.String {
			return nil, errStrings
		}
		v, err := ort.NewCustomDataTensor(shape, slices.Clone(x.Bytes()), ort.TensorElementDataType(x.DType()))
		if err != nil {
			return nil, fmt.Errorf("input %q: %w", in.Name, err)
		}
		values = append(values, v)
	}
	for _, out := range outs {
		outNames = append(outNames, out.Name)
	}
	s, err := ort.NewDynamicAdvancedSession(path, inNames, outNames, nil)
	if err != nil {
		return nil, err
	}
	defer s.Destroy()
	results := make([]ort.Value, len(outNames))
	if err := s.Run(values, results); err != nil {
		return nil, err
	}
	values = append(values, results...)
	outputs := make([]*tensor.Tensor, len(results))
	for i, r := range results {
		if outputs[i] = fromORT(r); outputs[i] == nil {
			return nil, fmt.Errorf("output %q is a %T", outNames[i], r)
		}
	}
	return outputs, nil
}

// errNoKernel is that ONNX Runtime knows an opset's form of an operator and does not compute it.
var errNoKernel = errors.New("not in ONNX Runtime")

var errStrings = errors.New("strings are not run here")

// fromORT is a copy of a tensor, nil where there is no such type here.
func fromORT(v ort.Value) *tensor.Tensor {
	if c, ok := v.(*ort.CustomDataTensor); ok {
		t, _ := tensor.FromBytes(tensor.DType(c.DataType()), slices.Clone(c.GetData()), dims(c.GetShape())...)
		return t
	}
	for _, as := range []func(ort.Value) *tensor.Tensor{
		as[float32], as[float64], as[int8], as[int16], as[int32], as[int64], as[uint8], as[uint16], as[uint32], as[uint64], as[bool],
	} {
		if t := as(v); t != nil {
			return t
		}
	}
	return nil
}

func as[T interface {
	ort.TensorData
	tensor.Elem
}](v ort.Value) *tensor.Tensor {
	if t, ok := v.(*ort.Tensor[T]); ok {
		return tensor.FromSlice(slices.Clone(t.GetData()), dims(t.GetShape())...)
	}
	return nil
}

func dims(s ort.Shape) []int {
	out := make([]int, len(s))
	for i, n := range s {
		out[i] = int(n)
	}
	return out
}
