package onnxrun

import (
	"github.com/onnxrun/onnxrun/internal/modelinfo"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/vision"
)

// SetMetadata makes a model say itself how its images are prepared and what its classes are called, so that it needs no
// options anywhere. nil leaves either as it is. Only the metadata of g change.
func SetMetadata(g *ir.Graph, spec *vision.Spec, labels []string) error {
	return modelinfo.SetMetadata(g, spec, labels)
}
