package zoo

import (
	"encoding/json"
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/vision"
)

// dataset is what a network was published for: it says how images become inputs and what the classes are called.
type dataset struct {
	labels    func() []string
	preset    string
	mean, std []float64 // where they are not the preset's
}

var (
	mnist    = &dataset{labels: vision.DigitLabels, preset: "mnist"}
	imagenet = &dataset{labels: vision.ImageNetLabels, preset: "imagenet"}
	cifar10  = &dataset{
		labels: vision.CIFAR10Labels, preset: "unit",
		mean: []float64{0.4914, 0.4822, 0.4465}, std: []float64{0.2470, 0.2435, 0.2616}, // of the training images
	}
)

// describe writes into g's metadata how its images are prepared and, where they are the dataset's, its classes' names.
func (d *dataset) describe(g *ir.Graph, labelled bool) error {
	spec, err := vision.Preset(d.preset)
	if err != nil {
		return fmt.Errorf("zoo: %s: %w", g.Name, err)
	}
	size := g.Inputs()[0].Type().Shape
	spec = spec.WithSize(size[3].N, size[2].N)
	if d.mean != nil {
		spec.Mean, spec.Std = d.mean, d.std
	}
	g.SetMeta("onnxrun.preprocess", spec.JSON())
	if !labelled {
		return nil
	}
	labels, err := json.Marshal(d.labels())
	if err != nil {
		return fmt.Errorf("zoo: %s: %w", g.Name, err)
	}
	g.SetMeta("onnxrun.labels", string(labels))
	return nil
}
