package vision

import "github.com/onnxrun/onnxrun/tensor"

// LoadedBatch is a batch ready for training.
type LoadedBatch struct {
	Index      int // in the epoch
	X, Targets *tensor.Tensor
	Classes    []int
	Names      []string
	Broken     []error // found since the batch before
}
