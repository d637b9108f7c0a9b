// Package onnxrun runs ONNX vision models in pure Go: open a model, classify an image, take features from it.
//
//	m, err := onnxrun.Open(ctx, "resnet50.onnx", onnxrun.Options{})
//	predictions, err := m.ClassifyFile(ctx, "cat.jpg")
//
// The packages below do the same in parts: importer reads a model into an ir.Graph, runtime runs one on any tensors,
// vision makes tensors of images, exporter writes models back.
package onnxrun

import (
	"context"
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/internal/modelinfo"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/vision"
)

// Options say how a model is run on images. The zero value stands for what the model says of itself.
type Options struct {
	// Preprocess is how images are prepared, whatever the model says; nil: as it says, else a guess.
	Preprocess *vision.Spec
	// Labels name the classes, whatever the model says; nil: as it says, else a guess.
	Labels []string
	// Runtime is how the model is run: threads, kernels, memory. Its Outputs are the model's affair.
	Runtime runtime.Options
}

// Model is a model ready to run on images. It is safe for concurrent use.
type Model struct {
	graph    *ir.Graph
	opts     Options
	input    *ir.Value
	output   *ir.Value // nil: none could be scores
	spec     vision.Spec
	labels   []string
	notes    []string
	sessions sessions
}

// Prediction is a class with its probability.
type Prediction = vision.Score

// Open opens a model file. How images are prepared and what the classes are called come from the options, else from the
// model's metadata, else they are guessed: Notes says how. ctx bounds the opening alone.
func Open(ctx context.Context, path string, opts Options) (*Model, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	g, err := importer.Open(path)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return NewModel(g, opts)
}

// NewModel makes a model of a graph, which must not change afterwards.
func NewModel(g *ir.Graph, opts Options) (*Model, error) {
	m := &Model{graph: g, opts: opts, output: modelinfo.Output(g), labels: opts.Labels}
	m.sessions = sessions{graph: g, opts: opts.Runtime}
	if m.sessions.opts.Weights == nil {
		m.sessions.opts.Weights = &runtime.Weights{}
	}
	var guessed string
	var err error
	if m.input, err = modelinfo.Input(g); err != nil {
		return nil, err
	}
	if m.spec, guessed, err = modelinfo.Preprocess(g, opts.Preprocess); err != nil {
		return nil, err
	}
	if guessed != "" {
		m.notes = append(m.notes, fmt.Sprintf("preprocessing is a guess (%s): %v", guessed, m.spec))
	}
	if m.labels != nil {
		return m, nil
	}
	labels, isGuess, err := modelinfo.Labels(g)
	if err != nil {
		return nil, err
	}
	if m.labels = labels; isGuess {
		m.notes = append(m.notes, fmt.Sprintf("labels are a guess: %d classes, taken for those of ImageNet", len(labels)))
	}
	return m, nil
}

// Graph is the model's graph; not to be changed.
func (m *Model) Graph() *ir.Graph { return m.graph }

// Preprocess is how images are prepared.
func (m *Model) Preprocess() vision.Spec { return m.spec }

// Labels is the names of the classes; nil when they are not known.
func (m *Model) Labels() []string { return m.labels }

// Notes is what was guessed, one sentence each, for a person to read.
func (m *Model) Notes() []string { return m.notes }

// Close ends the model's goroutines, those of calls under way when these end. It is optional.
func (m *Model) Close() {
	m.sessions.mu.Lock()
	defer m.sessions.mu.Unlock()
	m.sessions.close()
}

// ClassifyFile is Classify for one image file, with the five most probable classes.
func (m *Model) ClassifyFile(ctx context.Context, path string) ([]Prediction, error) {
	img, err := vision.DecodeFile(path)
	if err != nil {
		return nil, err
	}
	all, err := m.Classify(ctx, 5, img)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// Classify returns, for each image, the top most probable classes, the most probable first.
func (m *Model) Classify(ctx context.Context, top int, images ...*vision.Image) ([][]Prediction, error) {
	if m.output == nil {
		return nil, fmt.Errorf("onnxrun: the model has no floating-point output to take for scores")
	}
	scores, err := m.activations(ctx, m.output, vision.Pictures(images...))
	if err != nil {
		return nil, err
	}
	out := make([][]Prediction, len(images))
	data := tensor.Data[float32](scores)
	width := len(data) / max(1, len(images))
	for i := range images {
		row := data[i*width : (i+1)*width]
		if slices.ContainsFunc(row, func(v float32) bool { return v != v }) {
			return nil, &modelinfo.NaNError{Output: m.output.Name()}
		}
		out[i] = vision.TopK(row, m.labels, top)
	}
	return out, nil
}

// Features returns what the model computes at a layer for each image of a data set, and computes nothing beyond it. The layer
// is named by a value, or by a node, of which it is the first output. An image that cannot be read is an error.
func (m *Model) Features(ctx context.Context, layer string, data *vision.Dataset) (*FeatureSet, error) {
	v, err := m.layer(layer)
	if err != nil {
		return nil, err
	}
	features, err := m.activations(ctx, v, data)
	if err != nil {
		return nil, err
	}
	set := &FeatureSet{Layer: layer, Data: features}
	for i := range data.Len() {
		set.Images = append(set.Images, data.ImageName(i))
	}
	return set, nil
}

func (m *Model) layer(name string) (*ir.Value, error) {
	if v := modelinfo.Layer(m.graph, name); v != nil {
		return v, nil
	}
	known := modelinfo.LayerNames(m.graph)
	slices.Sort(known)
	return nil, &runtime.NameError{What: "layer", Name: name, Known: slices.Compact(known)}
}
