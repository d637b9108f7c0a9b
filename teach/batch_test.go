package teach_test

import (
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/teach"
	"github.com/onnxrun/onnxrun/train"
	"github.com/onnxrun/onnxrun/vision"
)

// shades is a data set of dark and light images.
func shades(t *testing.T, n int) *vision.Dataset {
	root := t.TempDir()
	for class, grey := range map[string]int{"dark": 20, "light": 200} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, class), 0o755))
		for i := range n {
			m := image.NewGray(image.Rect(0, 0, 28, 28))
			for k := range m.Pix {
				m.SetGray(k%28, k/28, color.Gray{uint8(grey + (k*7+i)%40)})
			}
			f, err := os.Create(filepath.Join(root, class, strconv.Itoa(i)+".png"))
			require.NoError(t, err)
			require.NoError(t, png.Encode(f, m))
			require.NoError(t, f.Close())
		}
	}
	data, err := vision.OpenDataset(root)
	require.NoError(t, err)
	return data
}

// single is a classifier of two classes that takes one image.
func single(t *testing.T) *ir.Graph {
	g, err := importer.Open("../testdata/lenet5.onnx")
	require.NoError(t, err)
	x := g.Inputs()[0]
	require.NoError(t, g.SetInputType(x, ir.Type{DType: x.Type().DType, Shape: ir.Dims(1, 1, 28, 28)}))
	require.NoError(t, g.InferAll())
	g, _, err = teach.Adapt(t.Context(), g, 2, teach.AdaptOptions{})
	require.NoError(t, err)
	return g
}

// A teacher that was exported for one image teaches batches, and stays as it is.
func TestTeacherOfOneImage(t *testing.T) {
	g := single(t)
	recipe := teach.Finetune()
	recipe.Epochs, recipe.Batch, recipe.Warmup = 1, 8, 0
	recipe.Distill = &train.Distillation{Weight: 0.5, Temperature: 2}
	taught, err := teach.Classifier(t.Context(), g, shades(t, 24), teach.Options{Recipe: recipe, Teacher: g})
	require.NoError(t, err)
	require.Len(t, taught.History.Epochs, 1)
	require.Equal(t, ir.Dims(1, 1, 28, 28), g.Inputs()[0].Type().Shape)
}

// A model that was exported for one image is taught from batches, and takes any number of images then.
func TestTeachFreesTheBatch(t *testing.T) {
	g := single(t)
	recipe := teach.Finetune()
	recipe.Epochs, recipe.Batch, recipe.Rate, recipe.Warmup = 8, 8, 0.02, 0
	var notes []string
	taught, err := teach.Classifier(t.Context(), g, shades(t, 24), teach.Options{Recipe: recipe, Note: func(s string) { notes = append(notes, s) }})
	require.NoError(t, err)
	require.Contains(t, notes, "the model took a fixed number of images; now it takes any")
	require.Equal(t, "float32[N,2]", taught.Model.Outputs()[0].Type().String())
	require.Equal(t, 1.0, taught.History.Epochs[taught.History.Best-1].Val.Accuracy)
}

// An image that cannot be read does not count in the validation, nor does another one twice, and training goes on.
func TestTeachValidatesOnWhatIsThere(t *testing.T) {
	for _, freeze := range []string{"none", "all"} {
		root := t.TempDir()
		for _, part := range []string{"train", "val"} {
			require.NoError(t, os.Rename(shades(t, 6).Name(), filepath.Join(root, part)))
			require.NoError(t, os.WriteFile(filepath.Join(root, part, "dark", "3.png"), []byte("no image"), 0o644))
		}
		data, err := vision.OpenDataset(root)
		require.NoError(t, err)
		g, err := importer.Open("../testdata/lenet5.onnx")
		require.NoError(t, err)
		g, _, err = teach.Adapt(t.Context(), g, 2, teach.AdaptOptions{})
		require.NoError(t, err)
		recipe := teach.Finetune()
		recipe.Epochs, recipe.Batch, recipe.Warmup, recipe.Freeze = 1, 4, 0, freeze
		opts := teach.Options{Recipe: recipe, FeatureCache: filepath.Join(root, "cache")}
		taught, err := teach.Classifier(t.Context(), g, data, opts)
		require.NoError(t, err)
		require.Equal(t, 11, taught.History.Epochs[0].Val.Images)
		require.Equal(t, 12, taught.History.Epochs[0].Train.Images)
		require.Len(t, taught.Broken, 2)
	}
}
