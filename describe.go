package onnxrun

import (
	"encoding/json"
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/vision"
)

// Describe makes a model say itself how its images are prepared and what its classes are called, so that it needs no flags
// anywhere. nil leaves either as it is. Only the metadata of g change.
func Describe(g *ir.Graph, spec *vision.Spec, labels []string) error {
	m, err := NewModel(g.Clone())
	if err != nil {
		return err
	}
	if spec != nil {
		fitted, err := spec.ForShape(inputShape(m.input))
		if err != nil {
			return err
		}
		g.SetMeta(PreprocessKey, fitted.JSON())
	}
	if labels == nil {
		return nil
	}
	if m.output != nil {
		if n := classes(m.output); n > 0 && n != len(labels) {
			return fmt.Errorf("onnxrun: %d labels for output %q, which has %d classes", len(labels), m.output.Name(), n)
		}
	}
	text, err := json.Marshal(labels)
	if err != nil {
		return fmt.Errorf("onnxrun: labels: %w", err)
	}
	g.SetMeta(LabelsKey, string(text))
	return nil
}
