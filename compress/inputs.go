package compress

import (
	"github.com/onnxrun/onnxrun/internal/modelinfo"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// RandomInputs makes a tensor for each of a graph's inputs: floating-point numbers from the standard normal distribution,
// as prepared images are at large, zeros for other types. shapes are by name; where there is none, a first dimension that
// the graph leaves open is batch, and others are an error.
func RandomInputs(inputs []*ir.Value, batch int, shapes map[string][]int, seed uint64) ([]*tensor.Tensor, error) {
	return modelinfo.RandomInputs(inputs, batch, shapes, seed)
}
