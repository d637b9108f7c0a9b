package passes

import (
	"time"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Approximation is what approximate passes need beyond a graph: what they are asked for, images to fit to, and a way to
// run and time graphs.
type Approximation struct {
	// Images are batches for the graph's one input; nil where there are none.
	Images []*tensor.Tensor
	// Run computes a graph's outputs for a batch.
	Run func(g *ir.Graph, batch *tensor.Tensor) ([]*tensor.Tensor, error)
	// Time is the median time of a run of a graph on random input, its symbolic dimensions being 1.
	Time func(g *ir.Graph) (time.Duration, error)

	Pool    string  // how max pooling is replaced: stride, conv or best
	Form    string  // of bottlenecks: reduce, tucker2, project, separable or best
	Rank    int     // of bottlenecks; 0: by Energy or Speedup
	Energy  float64 // share of the squared singular values to keep
	Speedup float64 // of the whole graph, ranks being chosen over all layers
}

// Rewrite is what an approximate pass did to one layer, or why it left it alone.
type Rewrite struct {
	Node        string  `json:"node"`
	Form        string  `json:"form,omitempty"`
	Ranks       []int   `json:"ranks,omitempty"`
	Error       float64 `json:"error"` // of the layer's output on the images: root of the mean square, relative; without images of its weights
	MACsBefore  int64   `json:"macs_before"`
	MACsAfter   int64   `json:"macs_after"`
	Skipped     string  `json:"skipped,omitempty"` // the reason
	Calibration int     `json:"calibration_images,omitempty"`
}
