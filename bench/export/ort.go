package main

import (
	"fmt"
	"slices"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/onnxrun/onnxrun/tensor"
)

// runORT is the outputs that ONNX Runtime computes of a file. Inputs and outputs are of float32.
func runORT(path string, inputs []*tensor.Tensor) ([]*tensor.Tensor, error) {
	ins, outs, err := ort.GetInputOutputInfo(path)
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
		if x.DType() != tensor.Float32 {
			return nil, fmt.Errorf("input %q: no run with %s here", in.Name, x.DType())
		}
		v, err := ort.NewTensor(shape, slices.Clone(tensor.Data[float32](x)))
		if err != nil {
			return nil, err
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
		t, ok := r.(*ort.Tensor[float32])
		if !ok {
			return nil, fmt.Errorf("output %q is no float32 tensor", outNames[i])
		}
		shape := make([]int, len(t.GetShape()))
		for d, n := range t.GetShape() {
			shape[d] = int(n)
		}
		outputs[i] = tensor.FromSlice(slices.Clone(t.GetData()), shape...)
	}
	return outputs, nil
}
