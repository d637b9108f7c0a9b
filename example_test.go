package onnxrun_test

import (
	"context"
	"fmt"
	"log"

	"github.com/onnxrun/onnxrun"
	"github.com/onnxrun/onnxrun/vision"
)

// A model that describes itself needs nothing but an image.
func Example() {
	m, err := onnxrun.Open(context.Background(), "testdata/lenet5.onnx", onnxrun.Options{})
	if err != nil {
		log.Fatal(err)
	}
	predictions, err := m.ClassifyFile(context.Background(), "testdata/seven.png")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s (%.0f %%)\n", predictions[0].Label, 100*predictions[0].Probability)
	// Output: 7 (100 %)
}

// Several images make one batch.
func ExampleModel_Classify() {
	m, err := onnxrun.Open(context.Background(), "testdata/lenet5.onnx", onnxrun.Options{})
	if err != nil {
		log.Fatal(err)
	}
	var images []*vision.Image
	for _, name := range []string{"four", "two"} {
		img, err := vision.DecodeFile("testdata/" + name + ".png")
		if err != nil {
			log.Fatal(err)
		}
		images = append(images, img)
	}
	answers, err := m.Classify(context.Background(), 1, images...)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answers[0][0].Label, answers[1][0].Label)
	// Output: 4 2
}

// The activations of a layer, here the last but one.
func ExampleModel_Features() {
	m, err := onnxrun.Open(context.Background(), "testdata/lenet5.onnx", onnxrun.Options{})
	if err != nil {
		log.Fatal(err)
	}
	img, err := vision.DecodeFile("testdata/seven.png")
	if err != nil {
		log.Fatal(err)
	}
	set, err := m.Features(context.Background(), "F6/tanh", vision.Pictures(img))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(set.Data)
	// Output: float32[1 84]
}

// What a model is, without running it.
func ExampleInspect() {
	m, err := onnxrun.Open(context.Background(), "testdata/lenet5.onnx", onnxrun.Options{})
	if err != nil {
		log.Fatal(err)
	}
	info, err := onnxrun.Inspect(m.Graph())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(info.Parameters, info.MACs)
	// Output: 61706 416520
}

// The images of a data set, here of a folder, in batches.
func ExampleModel_Prepare() {
	m, err := onnxrun.Open(context.Background(), "testdata/lenet5.onnx", onnxrun.Options{})
	if err != nil {
		log.Fatal(err)
	}
	data, err := vision.OpenDataset("testdata")
	if err != nil {
		log.Fatal(err)
	}
	batches, broken, err := m.Prepare(context.Background(), data)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(batches, len(broken))
	// Output: [float32[10 1 28 28]] 0
}

// A data set is folders of images by class, a .tar of the same, IDX files, or a .csv of paths and labels.
func ExampleEvaluate() {
	m, err := onnxrun.Open(context.Background(), "testdata/lenet5.onnx", onnxrun.Options{})
	if err != nil {
		log.Fatal(err)
	}
	data, err := vision.OpenDataset("testdata/digits.csv")
	if err != nil {
		log.Fatal(err)
	}
	e, err := onnxrun.Evaluate(context.Background(), m, data, onnxrun.EvaluateOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d images, %.0f %% right\n", e.Images, 100*e.Top1)
	// Output: 10 images, 100 % right
}
