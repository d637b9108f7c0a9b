package main

import (
	"errors"

	"github.com/onnxrun/onnxrun/internal/modelinfo"
	"github.com/onnxrun/onnxrun/train"
)

// hint is what a person can do on the command line about an error; empty: the error says all.
func hint(err error) string {
	var (
		inputs     *modelinfo.InputsError
		shape      *modelinfo.ShapeError
		nan        *modelinfo.NaNError
		unnamed    *modelinfo.UnnamedError
		checkpoint *train.CheckpointError
	)
	switch {
	case errors.As(err, &inputs):
		return "; run it with tensors instead (onnxrun run)"
	case errors.As(err, &shape):
		return " (--shape)"
	case errors.As(err, &nan):
		return "; see onnxrun check"
	case errors.As(err, &unnamed):
		return " (--labels)"
	case errors.As(err, &checkpoint):
		return " (without --resume)"
	}
	return ""
}
