package teach_test

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/onnxrun/onnxrun"
	"github.com/onnxrun/onnxrun/exporter"
	"github.com/onnxrun/onnxrun/teach"
	"github.com/onnxrun/onnxrun/vision"
	"github.com/onnxrun/onnxrun/zoo"
)

// drawBars makes a data set: a folder with the folders "flat" and "upright", each with so many pictures of a bar.
func drawBars(dir string, count int) error {
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range 2 * count {
		img, at := image.NewGray(image.Rect(0, 0, 28, 28)), 6+rng.IntN(14)
		class, bar := "flat", image.Rect(3, at, 25, at+3)
		if i%2 == 1 {
			class, bar = "upright", image.Rect(at, 3, at+3, 25)
		}
		for y := bar.Min.Y; y < bar.Max.Y; y++ {
			for x := bar.Min.X; x < bar.Max.X; x++ {
				img.SetGray(x, y, color.Gray{Y: uint8(150 + rng.IntN(100))})
			}
		}
		if err := os.MkdirAll(filepath.Join(dir, class), 0o755); err != nil {
			return err
		}
		file, err := os.Create(filepath.Join(dir, class, fmt.Sprintf("%03d.png", i)))
		if err != nil {
			return err
		}
		if err := png.Encode(file, img); err != nil {
			return err
		}
		if err := file.Close(); err != nil {
			return err
		}
	}
	return nil
}

// A network that is taught from scratch what the folders of a data set hold.
func ExampleClassifier() {
	dir, err := os.MkdirTemp("", "bars")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := drawBars(dir, 50); err != nil {
		log.Fatal(err)
	}
	data, err := vision.OpenDataset(dir)
	if err != nil {
		log.Fatal(err)
	}
	g, err := zoo.Build("lenet5", zoo.Options{Classes: len(data.Classes()), Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	recipe := teach.FromScratch() // one-cycle SGD, augmentation, the best of the epochs
	recipe.Epochs, recipe.Batch, recipe.Rate, recipe.Seed = 3, 15, 0.02, 1
	taught, err := teach.Classifier(context.Background(), g, data, teach.Options{Recipe: recipe})
	if err != nil {
		log.Fatal(err)
	}
	best := taught.History.Epochs[taught.History.Best-1]
	fmt.Printf("%d images to learn from, %d to validate: %.0f %% right\n", taught.Plan.Images, best.Val.Images, 100*best.Val.Accuracy)
	// Output: 90 images to learn from, 10 to validate: 100 % right
}

// A pretrained model, here one that reads digits, is taught other classes: only its classifier learns, from features that are
// computed once.
func ExampleAdapt() {
	dir, err := os.MkdirTemp("", "bars")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	images, file := filepath.Join(dir, "images"), filepath.Join(dir, "bars.onnx")
	if err := drawBars(images, 30); err != nil {
		log.Fatal(err)
	}

	data, err := vision.OpenDataset(images)
	if err != nil {
		log.Fatal(err)
	}
	digits, err := onnxrun.Open(context.Background(), "../testdata/lenet5.onnx", onnxrun.Options{})
	if err != nil {
		log.Fatal(err)
	}
	g, notes, err := teach.Adapt(context.Background(), digits.Graph(), len(data.Classes()), teach.AdaptOptions{})
	if err != nil {
		log.Fatal(err)
	}
	opts := teach.Options{Recipe: teach.Finetune(), FeatureCache: dir}
	opts.Recipe.Freeze, opts.Recipe.Rate = "all", 0.05
	taught, err := teach.Classifier(context.Background(), g, data, opts)
	if err != nil {
		log.Fatal(err)
	}
	if err := exporter.WriteFile(taught.Model, file, exporter.Options{}); err != nil {
		log.Fatal(err)
	}

	bars, err := onnxrun.Open(context.Background(), file, onnxrun.Options{})
	if err != nil {
		log.Fatal(err)
	}
	e, err := onnxrun.Evaluate(context.Background(), bars, data, onnxrun.EvaluateOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(notes[0])
	fmt.Printf("%v: %.0f %% right\n", bars.Labels(), 100*e.Top1)
	// Output:
	// node "OUTPUT" (Gemm) now has 2 classes, and fresh weights
	// [flat upright]: 100 % right
}
