package zoo

import (
	"encoding/json"
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
)

// dataset is what a network was published for: it says how images become inputs and what the classes are called.
type dataset struct {
	classes    int
	labels     any // a list of names, or the name of a built-in list
	preprocess preprocess
}

// preprocess is a preset of package vision and what differs from it; the metadata entry onnxrun.preprocess as JSON.
type preprocess struct {
	Preset string    `json:"preset"`
	Size   int       `json:"size,omitempty"` // pixels, where it is not the preset's
	Mean   []float32 `json:"mean,omitempty"` // per channel, of values from 0 to 1
	Std    []float32 `json:"std,omitempty"`
}

var (
	mnist = &dataset{
		classes: 10, labels: []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}, preprocess: preprocess{Preset: "mnist"},
	}
	cifar10 = &dataset{
		classes: 10,
		labels:  []string{"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"},
		preprocess: preprocess{
			Preset: "unit", Size: 32, Mean: []float32{0.4914, 0.4822, 0.4465}, Std: []float32{0.2470, 0.2435, 0.2616},
		},
	}
	imagenet = &dataset{classes: 1000, labels: "imagenet", preprocess: preprocess{Preset: "imagenet"}}
)

// imagenetSize is the pixels of the images that the preset imagenet makes.
const imagenetSize = 224

// describe writes into g's metadata how its images are prepared and, where they are the dataset's, its classes' names.
func (d *dataset) describe(g *ir.Graph, labelled bool) error {
	pre := d.preprocess
	if size := g.Inputs()[0].Type().Shape[2].N; d == imagenet && size != imagenetSize {
		pre.Size = size
	}
	if err := setJSON(g, "onnxrun.preprocess", pre); err != nil || !labelled {
		return err
	}
	return setJSON(g, "onnxrun.labels", d.labels)
}

func setJSON(g *ir.Graph, key string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("zoo: %s: %s: %w", g.Name, key, err)
	}
	g.SetMeta(key, string(text))
	return nil
}
