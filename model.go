// Package onnxrun runs ONNX vision models in pure Go: open a model, classify an image, take features from it.
//
//	m, err := onnxrun.Open("resnet50.onnx")
//	predictions, err := m.ClassifyFile(ctx, "cat.jpg")
//
// The packages below do the same in parts: importer reads a model into an ir.Graph, runtime runs one on any tensors,
// vision makes tensors of images, exporter writes models back.
package onnxrun

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/internal/plain"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/vision"
)

// Metadata keys by which a model describes itself: how its images are prepared, and what its classes are called.
const (
	PreprocessKey = "onnxrun.preprocess"
	LabelsKey     = "onnxrun.labels"
)

// Option changes how a model is opened.
type Option func(*settings)

type settings struct {
	spec    *vision.Spec
	labels  []string
	runtime runtime.Options
}

// WithPreprocess says how images are prepared, whatever the model says of itself.
func WithPreprocess(s vision.Spec) Option { return func(o *settings) { o.spec = &s } }

// WithLabels names the classes, whatever the model says of itself.
func WithLabels(labels []string) Option { return func(o *settings) { o.labels = labels } }

// WithThreads bounds how many goroutines compute at once; the default is GOMAXPROCS.
func WithThreads(n int) Option { return func(o *settings) { o.runtime.Threads = n } }

// WithRuntime says how the model is run, all of it but the outputs, which are the model's affair.
func WithRuntime(opts runtime.Options) Option { return func(o *settings) { o.runtime = opts } }

// Model is a model ready to run on images. It is safe for concurrent use.
type Model struct {
	graph  *ir.Graph
	opts   settings
	input  *ir.Value
	output *ir.Value
	spec   vision.Spec
	labels []string
	notes  []string

	mu       sync.Mutex
	sessions map[string]*runtime.Session // by the value computed
}

// Prediction is a class with its probability.
type Prediction = vision.Score

// Open opens a model file. How images are prepared and what the classes are called come from the options, else from the
// model's metadata, else they are guessed: Notes says how.
func Open(path string, opts ...Option) (*Model, error) {
	g, err := importer.Open(path)
	if err != nil {
		return nil, err
	}
	return NewModel(g, opts...)
}

// NewModel makes a model of a graph, which must not change afterwards.
func NewModel(g *ir.Graph, opts ...Option) (*Model, error) {
	m := &Model{graph: g, sessions: map[string]*runtime.Session{}}
	for _, o := range opts {
		o(&m.opts)
	}
	if err := m.findEnds(); err != nil {
		return nil, err
	}
	if err := m.choosePreprocess(); err != nil {
		return nil, err
	}
	return m, m.chooseLabels()
}

// Graph is the model's graph; not to be changed.
func (m *Model) Graph() *ir.Graph { return m.graph }

// Preprocess is how images are prepared.
func (m *Model) Preprocess() vision.Spec { return m.spec }

// Labels is the names of the classes; nil when they are not known.
func (m *Model) Labels() []string { return m.labels }

// Notes is what was guessed, one sentence each, for a person to read.
func (m *Model) Notes() []string { return m.notes }

// Close ends the model's goroutines. It is optional.
func (m *Model) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.sessions {
		s.Close()
	}
}

// findEnds finds the input that takes images and the output that scores classes.
func (m *Model) findEnds() error {
	for _, v := range m.graph.Inputs() {
		if rank := len(v.Type().Shape); m.input == nil && (rank == 4 || v.Type().Shape == nil) {
			m.input = v
		}
	}
	if m.input == nil || len(m.graph.Inputs()) != 1 {
		return fmt.Errorf("onnxrun: the model does not take one image: its inputs are %s; run it with tensors instead (onnxrun run)", plain.Join(m.graph.Inputs(), 8))
	}
	for _, v := range m.graph.Outputs() {
		if _, ok := convertible[v.Type().DType]; ok && m.output == nil {
			m.output = v
		}
	}
	return nil
}

func (m *Model) choosePreprocess() error {
	shape := inputShape(m.input)
	switch text, described := m.graph.Meta(PreprocessKey); {
	case m.opts.spec != nil:
		s, err := m.opts.spec.ForShape(shape)
		if err != nil {
			return err
		}
		m.spec = s
	case described:
		s, err := vision.ParseSpec(text)
		if err != nil {
			return fmt.Errorf("onnxrun: metadata %q: %w", PreprocessKey, err)
		}
		m.spec = s
	default:
		s, why, err := vision.Guess(shape)
		if err != nil {
			return err
		}
		m.spec = s
		m.notes = append(m.notes, fmt.Sprintf("preprocessing is a guess (%s): %v", why, s))
	}
	return nil
}

func (m *Model) chooseLabels() error {
	switch text, described := m.graph.Meta(LabelsKey); {
	case m.opts.labels != nil:
		m.labels = m.opts.labels
	case described:
		labels, err := vision.ParseLabels(text)
		if err != nil {
			return fmt.Errorf("onnxrun: metadata %q: %w", LabelsKey, err)
		}
		m.labels = labels
	case m.output != nil:
		n := classes(m.output)
		if m.labels = vision.LabelsFor(n); m.labels != nil {
			m.notes = append(m.notes, fmt.Sprintf("labels are a guess: %d classes, taken for those of ImageNet", n))
		}
	}
	return nil
}

// inputShape is a value's shape with -1 for what is not a number; nil where the rank is not known.
func inputShape(v *ir.Value) []int {
	if v.Type().Shape == nil {
		return nil
	}
	shape := make([]int, len(v.Type().Shape))
	for i, d := range v.Type().Shape {
		shape[i] = -1
		if d.IsKnown() {
			shape[i] = d.N
		}
	}
	return shape
}

// classes is how many numbers a value has for each image, -1 if not known.
func classes(v *ir.Value) int {
	if len(v.Type().Shape) < 2 {
		return -1
	}
	if n := v.Type().Shape[1:].Count(); n.IsKnown() {
		return n.N
	}
	return -1
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
	scores, err := m.activations(ctx, m.output, images)
	if err != nil {
		return nil, err
	}
	out := make([][]Prediction, len(images))
	data := tensor.Data[float32](scores)
	width := len(data) / max(1, len(images))
	for i := range images {
		row := data[i*width : (i+1)*width]
		if slices.ContainsFunc(row, func(v float32) bool { return v != v }) {
			return nil, fmt.Errorf("onnxrun: output %q: the scores are not numbers (NaN); see onnxrun check", m.output.Name())
		}
		out[i] = vision.TopK(row, m.labels, top)
	}
	return out, nil
}

// Features returns what the model computes at a layer for each image, and computes nothing beyond it. The layer is named
// by a value, or by a node, of which it is the first output. names are for the rows of the set, nil for none.
func (m *Model) Features(ctx context.Context, layer string, names []string, images ...*vision.Image) (*FeatureSet, error) {
	v, err := m.layer(layer)
	if err != nil {
		return nil, err
	}
	data, err := m.activations(ctx, v, images)
	if err != nil {
		return nil, err
	}
	if names == nil {
		names = make([]string, len(images))
	}
	return &FeatureSet{Layer: layer, Images: names, Data: data}, nil
}

func (m *Model) layer(name string) (*ir.Value, error) {
	if v := m.graph.Value(name); v != nil {
		return v, nil
	}
	known := make([]string, 0, len(m.graph.Nodes()))
	for _, n := range m.graph.Nodes() {
		if n.Name == name && n.Out(0) != nil {
			return n.Out(0), nil
		}
		known = append(known, n.Name)
		for _, v := range n.Outputs() {
			if v != nil {
				known = append(known, v.Name())
			}
		}
	}
	slices.Sort(known)
	return nil, &runtime.NameError{What: "layer", Name: name, Known: slices.Compact(known)}
}

// maxBatch bounds how many images run at once: more take memory and no less time.
const maxBatch = 16

// activations computes a value for images and joins the results along the first dimension, as float32.
func (m *Model) activations(ctx context.Context, v *ir.Value, images []*vision.Image) (*tensor.Tensor, error) {
	s, err := m.session(ctx, v)
	if err != nil {
		return nil, err
	}
	step, fixed := m.batchSize()
	if fixed && len(images)%step != 0 {
		return nil, fmt.Errorf("onnxrun: the model takes batches of %d images, %d were given", step, len(images))
	}
	var parts []*tensor.Tensor
	for batch := range slices.Chunk(images, step) {
		x, err := m.batch(batch)
		if err != nil {
			return nil, err
		}
		var in []*tensor.Tensor
		if len(s.Inputs()) > 0 { // a layer that depends on constants alone needs none
			in = append(in, x)
		}
		out, err := s.Run(ctx, in...)
		if err != nil {
			return nil, err
		}
		y, err := convertTo(out[0], tensor.Float32)
		if err != nil {
			return nil, fmt.Errorf("onnxrun: layer %q: %w", v.Name(), err)
		}
		if y.Rank() == 0 || y.Dim(0) != len(batch) {
			return nil, fmt.Errorf("onnxrun: layer %q: %v has no row for each of %d images", v.Name(), y, len(batch))
		}
		parts = append(parts, y)
	}
	return join(parts)
}

// join puts tensors one behind the other along the first dimension.
func join(parts []*tensor.Tensor) (*tensor.Tensor, error) {
	if len(parts) == 0 {
		return nil, fmt.Errorf("onnxrun: no images")
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	shape := slices.Clone(parts[0].Shape())
	var data []float32
	shape[0] = 0
	for _, p := range parts {
		data = append(data, tensor.Data[float32](p)...)
		shape[0] += p.Dim(0)
	}
	return tensor.FromSlice(data, shape...), nil
}

// session is the session that computes v and nothing beyond.
func (m *Model) session(ctx context.Context, v *ir.Value) (*runtime.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.sessions[v.Name()]; s != nil {
		return s, nil
	}
	opts := m.opts.runtime
	opts.Outputs = []string{v.Name()}
	s, err := runtime.Compile(ctx, m.graph, opts)
	if err == nil {
		m.sessions[v.Name()] = s
	}
	return s, err
}

// convertible is the element types of images and scores besides float32.
var convertible = map[tensor.DType]bool{
	tensor.Float32: true, tensor.Float16: true, tensor.BFloat16: true, tensor.Float64: true,
}

// convertTo converts between float32 and the other floating-point types, and to uint8.
func convertTo(t *tensor.Tensor, dt tensor.DType) (*tensor.Tensor, error) {
	switch {
	case t.DType() == dt:
		return t, nil
	case dt == tensor.Float32 && convertible[t.DType()]:
		return t.ToFloat32(), nil
	case t.DType() == tensor.Float32 && convertible[dt]:
		return tensor.FromFloat32(t, dt), nil
	case t.DType() == tensor.Float32 && dt == tensor.Uint8:
		u := tensor.New(tensor.Uint8, t.Shape()...)
		for i, v := range tensor.Data[float32](t) {
			tensor.Data[uint8](u)[i] = uint8(min(max(v+0.5, 0), 255))
		}
		return u, nil
	}
	return nil, fmt.Errorf("element type %s is not supported for images", dt)
}
