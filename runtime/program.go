package runtime

import (
	"context"
	"runtime/debug"

	"github.com/onnxrun/onnxrun/runtime/lower"
	"github.com/onnxrun/onnxrun/tensor"
)

// Program is what Runs of inputs of these shapes do, step by step; not to be changed.
func (s *Session) Program(ctx context.Context, inputs ...*tensor.Tensor) (prog *lower.Program, err error) {
	defer s.recover(debug.SetPanicOnFault(true), &err)
	if err := s.checkInputs(inputs); err != nil {
		return nil, err
	}
	p, err := s.planFor(ctx, inputs)
	if err != nil {
		return nil, err
	}
	return p.prog, nil
}
