// Command accuracy measures a classifier on a data set by onnxrun and by ONNX Runtime, from the same prepared images, and
// prints both accuracies and how far the outputs are apart. It fails where the accuracies differ.
package main

import (
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"slices"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/onnxrun/onnxrun"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/vision"
)

// batch is how many images run at once.
const batch = 100

func main() {
	library := flag.String("ort", os.Getenv("ONNXRUNTIME_LIB"), "ONNX Runtime's shared library")
	split := flag.String("split", vision.Test, "the part of the data set, if it has parts")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "accuracy [flags] MODEL.onnx DATASET")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 2 || *library == "" {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(*library, flag.Arg(0), flag.Arg(1), *split); err != nil {
		fmt.Fprintln(os.Stderr, "accuracy:", err)
		os.Exit(1)
	}
}

func run(library, path, dataset, split string) error {
	ort.SetSharedLibraryPath(library)
	if err := ort.InitializeEnvironment(); err != nil {
		return err
	}
	defer ort.DestroyEnvironment()
	m, err := onnxrun.Open(context.Background(), path, onnxrun.Options{})
	if err != nil {
		return err
	}
	defer m.Close()
	data, err := vision.OpenDataset(dataset)
	if err != nil {
		return err
	}
	defer data.Close()
	c, err := newComparison(m, path)
	if err != nil {
		return err
	}
	defer c.close()
	stream, err := vision.NewStream(data.Prefer(split), vision.StreamOptions{Batch: batch, Spec: m.Preprocess()})
	if err != nil {
		return err
	}
	for b, err := range stream.Epoch(context.Background(), 0, 0) {
		if err != nil {
			return err
		}
		if len(b.Images) == 0 {
			continue
		}
		if err := c.add(b); err != nil {
			return err
		}
	}
	fmt.Printf("%d images: onnxrun %d right, ONNX Runtime %d right, outputs at most %.2g apart\n", c.images, c.right[0], c.right[1], c.apart)
	if c.images == 0 || c.right[0] != c.right[1] {
		return fmt.Errorf("the accuracies differ")
	}
	return nil
}

// comparison is a model in both runtimes.
type comparison struct {
	ours   *runtime.Session
	theirs *ort.DynamicAdvancedSession
	images int
	right  [2]int
	apart  float64
}

func newComparison(m *onnxrun.Model, path string) (*comparison, error) {
	s, err := runtime.Compile(context.Background(), m.Graph(), runtime.Options{})
	if err != nil {
		return nil, err
	}
	t, err := ort.NewDynamicAdvancedSession(path, []string{s.Inputs()[0].Name()}, []string{s.Outputs()[0].Name()}, nil)
	if err != nil {
		s.Close()
		return nil, err
	}
	return &comparison{ours: s, theirs: t}, nil
}

func (c *comparison) close() {
	c.ours.Close()
	c.theirs.Destroy()
}

// add classifies a batch by both.
func (c *comparison) add(b *vision.Batch) error {
	y, err := c.ours.Run(context.Background(), b.X)
	if err != nil {
		return err
	}
	var shape ort.Shape
	for _, n := range b.X.Shape() {
		shape = append(shape, int64(n))
	}
	in, err := ort.NewTensor(shape, tensor.Data[float32](b.X))
	if err != nil {
		return err
	}
	defer in.Destroy()
	out := []ort.Value{nil}
	if err := c.theirs.Run([]ort.Value{in}, out); err != nil {
		return err
	}
	defer out[0].Destroy()
	theirs, ok := out[0].(*ort.Tensor[float32])
	if !ok {
		return fmt.Errorf("the output is a %T", out[0])
	}
	c.count(0, tensor.Data[float32](y[0]), b.Classes)
	c.count(1, theirs.GetData(), b.Classes)
	for i, v := range tensor.Data[float32](y[0]) {
		c.apart = max(c.apart, math.Abs(float64(v)-float64(theirs.GetData()[i])))
	}
	c.images += len(b.Classes)
	return nil
}

func (c *comparison) count(runtime int, scores []float32, classes []int) {
	width := len(scores) / len(classes)
	for i, class := range classes {
		row := scores[i*width : (i+1)*width]
		if slices.Index(row, slices.Max(row)) == class {
			c.right[runtime]++
		}
	}
}
