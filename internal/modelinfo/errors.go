package modelinfo

import (
	"fmt"

	"github.com/onnxrun/onnxrun/internal/plain"
	"github.com/onnxrun/onnxrun/ir"
)

// InputsError is a model that does not take one image.
type InputsError struct{ Inputs []*ir.Value }

func (e *InputsError) Error() string {
	return fmt.Sprintf("onnxrun: the model does not take one image: its inputs are %s", plain.Join(e.Inputs, 8))
}

// ShapeError is an input whose shape the model leaves open, and nobody has given.
type ShapeError struct{ Input *ir.Value }

func (e *ShapeError) Error() string {
	return fmt.Sprintf("onnxrun: input %q is %v: give its shape", e.Input.Name(), e.Input.Type())
}

// NaNError is scores that are not numbers.
type NaNError struct {
	Output string
	Image  string // empty: not known
}

func (e *NaNError) Error() string {
	at := ""
	if e.Image != "" {
		at = fmt.Sprintf("image %q: ", e.Image)
	}
	return fmt.Sprintf("onnxrun: output %q: %sthe scores are not numbers (NaN)", e.Output, at)
}

// UnnamedError is a data set whose classes cannot be those of a model, which does not say what its own are called.
type UnnamedError struct {
	Classes string // of the data set: how many, and the first of them
	Model   int    // how many the model has
}

func (e *UnnamedError) Error() string {
	return fmt.Sprintf("has %s; the model has %d, whose names are not known: name them", e.Classes, e.Model)
}
