package main

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"time"

	"github.com/onnxrun/onnxrun"
	"github.com/onnxrun/onnxrun/compress"
	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/passes"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/vision"
	"github.com/onnxrun/onnxrun/zoo"
)

// model is a network with images to fit to, and others to compare on.
type model struct {
	name              string
	graph             *ir.Graph
	macs              int64
	calibration, test []*tensor.Tensor
	classes           []int // of the test images
}

// mnistCalibration is how many training images LeNet-5 is fitted to.
const mnistCalibration = 512

func (c *config) lenet(file string) (*model, error) {
	if c.mnist == "" {
		return nil, fmt.Errorf("-mnist: where are MNIST's IDX files?")
	}
	g, err := importer.Open(filepath.Join(c.testdata, file))
	if err != nil {
		return nil, err
	}
	return newModel(file[:len(file)-len(".onnx")], g, c.mnist, mnistCalibration, 10_000)
}

// photographed is a network of the zoo, with the weights that it is born with.
func (c *config) photographed(name string, calibration, test int) (*model, error) {
	if c.photos == "" {
		return nil, fmt.Errorf("-photos: where is a folder of photographs?")
	}
	g, err := zoo.Build(name, zoo.Options{})
	if err != nil {
		return nil, err
	}
	return newModel(name, g, c.photos, calibration, test)
}

func newModel(name string, g *ir.Graph, data string, calibration, test int) (*model, error) {
	m := &model{name: name, graph: g}
	var err error
	if m.macs, err = macsOf(g); err != nil {
		return nil, err
	}
	images, err := vision.OpenDataset(data)
	if err != nil {
		return nil, err
	}
	defer images.Close()
	if m.calibration, _, err = prepare(g, images.Prefer(vision.Train).Shuffle(1), calibration); err != nil {
		return nil, err
	}
	m.test, m.classes, err = prepare(g, images.Prefer(vision.Val, vision.Test), test)
	return m, err
}

func prepare(g *ir.Graph, images *vision.Dataset, n int) (batches []*tensor.Tensor, classes []int, err error) {
	model, err := onnxrun.NewModel(g, onnxrun.Options{})
	if err != nil {
		return nil, nil, err
	}
	defer model.Close()
	some := images.Spread(n)
	batches, broken, err := model.Prepare(context.Background(), some)
	if err != nil || len(broken) > 0 {
		return nil, nil, fmt.Errorf("%v: %v %w", images.Name(), broken, err)
	}
	for i := range some.Len() {
		classes = append(classes, some.Class(i))
	}
	return batches, classes, nil
}

// macsOf is the multiplications for one image.
func macsOf(g *ir.Graph) (int64, error) {
	info, err := onnxrun.Inspect(g)
	if err != nil {
		return 0, err
	}
	return info.MACs, nil
}

// approximate is the model after one approximate pass and what that did. Layers are timed if the pass asks for it.
func (m *model) approximate(pass string, opts compress.Options, timed bool) (*ir.Graph, []passes.Rewrite, error) {
	opts.Level, opts.With = passes.O1, []string{pass}
	if !timed { // multiplications decide, so that the table does not depend on the machine
		opts.Approximation.Time = func(g *ir.Graph) (time.Duration, error) {
			macs, err := macsOf(g)
			return time.Duration(macs), err
		}
	}
	out, report, err := compress.Optimize(context.Background(), m.graph, opts)
	if err != nil {
		return nil, nil, err
	}
	for _, s := range report.Passes {
		if s.Pass == pass {
			return out, s.Rewrites, nil
		}
	}
	return nil, nil, fmt.Errorf("%s: no report of %s", m.name, pass)
}

// logits is what the softmax at the end reads, for all test images.
func (m *model) logits(g *ir.Graph) ([]float32, int, error) {
	v := g.Outputs()[0]
	if _, ok := v.Def().Op.(*ops.Softmax); ok {
		v = v.Def().In(0)
	}
	s, err := runtime.Compile(context.Background(), g, runtime.Options{Outputs: []string{v.Name()}})
	if err != nil {
		return nil, 0, err
	}
	defer s.Close()
	var all []float32
	width := 0
	for _, batch := range m.test {
		out, err := s.Run(context.Background(), batch)
		if err != nil {
			return nil, 0, err
		}
		all = append(all, tensor.Data[float32](out[0])...)
		width = out[0].Len() / out[0].Dim(0)
	}
	return all, width, nil
}

// compare is the error of the logits, as a root of the mean square relative to the original's own about their mean, and
// the share of images with the same best class.
func (m *model) compare(out *ir.Graph) (err, same float64, failed error) {
	want, width, failed := m.logits(m.graph)
	if failed != nil {
		return 0, 0, failed
	}
	got, _, failed := m.logits(out)
	if failed != nil {
		return 0, 0, failed
	}
	mean := make([]float64, width)
	for i, v := range want {
		mean[i%width] += float64(v) * float64(width) / float64(len(want))
	}
	diff, power, agree := 0.0, 0.0, 0
	for i, v := range want {
		d, p := float64(v-got[i]), float64(v)-mean[i%width]
		diff, power = diff+d*d, power+p*p
	}
	for i := 0; i < len(want); i += width {
		if best(want[i:i+width]) == best(got[i:i+width]) {
			agree++
		}
	}
	return math.Sqrt(diff / power), float64(agree*width) / float64(len(want)), nil
}

// worst is the greatest difference of an output of the two models.
func (m *model) worst(out *ir.Graph) (float64, error) {
	var sets [][]*tensor.Tensor
	for _, batch := range m.test {
		sets = append(sets, []*tensor.Tensor{batch})
	}
	d, err := compress.Diff(context.Background(), m.graph, out, sets, compress.DiffOptions{Tolerance: compress.Exact})
	if err != nil {
		return 0, err
	}
	return float64(d.WorstOutput().Worst), nil
}

// accuracy is the share of test images whose class is found.
func (m *model) accuracy(g *ir.Graph) (float64, error) {
	got, width, err := m.logits(g)
	right := 0
	for i, class := range m.classes {
		if err == nil && best(got[i*width:][:width]) == class {
			right++
		}
	}
	return float64(right) / float64(len(m.classes)), err
}

func best(scores []float32) int {
	at := 0
	for i, v := range scores {
		if v > scores[at] {
			at = i
		}
	}
	return at
}

// race is the median times of one image through the model and through another one, by turns.
func (m *model) race(other *ir.Graph, length time.Duration) (before, after time.Duration, err error) {
	var runs [2]func() error
	var times [2][]time.Duration
	for i, g := range []*ir.Graph{m.graph, other} {
		s, err := runtime.Compile(context.Background(), g, runtime.Options{})
		if err != nil {
			return 0, 0, err
		}
		defer s.Close()
		in, err := compress.RandomInputs(s.Inputs(), 1, nil, 1)
		if err != nil {
			return 0, 0, err
		}
		out, err := s.Run(context.Background(), in...)
		if err != nil {
			return 0, 0, err
		}
		runs[i] = func() error { return s.RunInto(context.Background(), in, out) }
	}
	for start := time.Now(); time.Since(start) < length; {
		for i := range runs {
			began := time.Now()
			if err := runs[i](); err != nil {
				return 0, 0, err
			}
			times[i] = append(times[i], time.Since(began))
		}
	}
	return median(times[0]), median(times[1]), nil
}
