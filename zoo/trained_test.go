package zoo

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/vision"
)

// The model in testdata is the zoo's, with other weights.
func TestTrainedModelIsTheZoos(t *testing.T) {
	trained, fresh := openTrained(t), build(t, "lenet5")
	require.NoError(t, ir.Verify(trained))
	require.Equal(t, fresh.Metadata, trained.Metadata)
	require.Equal(t, structure(t, fresh), structure(t, trained))
}

// structure is the text form without weights.
func structure(t *testing.T, g *ir.Graph) string {
	t.Helper()
	var s strings.Builder
	require.NoError(t, ir.Print(&s, g, ir.PrintOptions{Elide: 1}))
	return s.String()
}

// It reads the digits that the project drew.
func TestTrainedModelReadsTheDrawnDigits(t *testing.T) {
	g := openTrained(t)
	text, _ := g.Meta("onnxrun.preprocess")
	spec, err := vision.ParseSpec(text)
	require.NoError(t, err)
	var images []*vision.Image
	for _, name := range []string{"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"} {
		image, err := vision.DecodeFile(filepath.Join("../testdata", name+".png"))
		require.NoError(t, err)
		images = append(images, image)
	}
	x, err := spec.Apply(images...)
	require.NoError(t, err)
	prob := classify(t, g, x)
	for digit := range images {
		require.Greater(t, prob[digit][digit], float32(0.9), "digit %d", digit)
	}
}

// It is right on at least 99 % of MNIST's 10,000 test images.
func TestTrainedModelOnMNIST(t *testing.T) {
	images, labels := readIDX(t, "t10k-images-idx3-ubyte.gz", 16), readIDX(t, "t10k-labels-idx1-ubyte.gz", 8)
	require.Len(t, labels, 10000)
	require.Len(t, images, len(labels)*28*28)
	g := openTrained(t)
	right := 0
	const batch = 1000
	for at := 0; at < len(labels); at += batch {
		x := tensor.New(tensor.Float32, batch, 1, 28, 28)
		for i, v := range images[at*28*28:][:batch*28*28] {
			tensor.Data[float32](x)[i] = (float32(v)/255 - 0.1307) / 0.3081
		}
		for i, prob := range classify(t, g, x) {
			if slices.Index(prob, slices.Max(prob)) == int(labels[at+i]) {
				right++
			}
		}
	}
	t.Logf("%d of %d", right, len(labels))
	require.GreaterOrEqual(t, right, 9900)
}

func openTrained(t *testing.T) *ir.Graph {
	t.Helper()
	g, err := importer.Open("../testdata/lenet5.onnx")
	require.NoError(t, err)
	return g
}

func build(t *testing.T, name string) *ir.Graph {
	t.Helper()
	g, err := Build(name, Options{})
	require.NoError(t, err)
	return g
}

// classify is the probabilities of each image of x.
func classify(t *testing.T, g *ir.Graph, x *tensor.Tensor) [][]float32 {
	t.Helper()
	s, err := runtime.Compile(t.Context(), g, runtime.Options{})
	require.NoError(t, err)
	defer s.Close()
	out, err := s.Run(context.Background(), x)
	require.NoError(t, err)
	return slices.Collect(slices.Chunk(tensor.Data[float32](out[0]), out[0].Dim(1)))
}

// readIDX is what stands behind the header of one of MNIST's files.
func readIDX(t *testing.T, name string, header int) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join("../../shared/data/mnist", name))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("MNIST is not there: ../shared/data/mnist")
	}
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	data, err := io.ReadAll(z)
	require.NoError(t, err)
	require.Greater(t, len(data), header)
	return data[header:]
}
