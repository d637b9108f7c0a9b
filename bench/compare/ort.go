package main

import (
	"slices"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
)

// ortRun is a session of ONNX Runtime with all optimizations and its tensors.
type ortRun struct {
	session *ort.AdvancedSession
	input   *ort.Tensor[float32]
	output  *ort.Tensor[float32]
	options *ort.SessionOptions
}

func newORT(path string, s *runtime.Session, x, y *tensor.Tensor, threads int) (*ortRun, error) {
	r := &ortRun{}
	var err error
	if r.input, err = ort.NewTensor(shape(x), slices.Clone(tensor.Data[float32](x))); err != nil {
		return nil, err
	}
	if r.output, err = ort.NewEmptyTensor[float32](shape(y)); err != nil {
		return nil, err
	}
	if r.options, err = ort.NewSessionOptions(); err != nil {
		return nil, err
	}
	for _, set := range []func() error{
		func() error { return r.options.SetIntraOpNumThreads(threads) },
		func() error { return r.options.SetInterOpNumThreads(1) },
		func() error { return r.options.SetGraphOptimizationLevel(ort.GraphOptimizationLevelEnableAll) },
	} {
		if err := set(); err != nil {
			return nil, err
		}
	}
	r.session, err = ort.NewAdvancedSession(path, []string{s.Inputs()[0].Name()}, []string{s.Outputs()[0].Name()},
		[]ort.Value{r.input}, []ort.Value{r.output}, r.options)
	return r, err
}

func (r *ortRun) destroy() {
	r.session.Destroy()
	r.input.Destroy()
	r.output.Destroy()
	r.options.Destroy()
}

func shape(t *tensor.Tensor) ort.Shape {
	var s ort.Shape
	for _, n := range t.Shape() {
		s = append(s, int64(n))
	}
	return s
}
