package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/exporter"
	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// shape is a picture of a class, of 12×12 pixels: a bar, a disc or a cross, of a colour and a place of its own.
func shape(class string, n int) []byte {
	rng := rand.New(rand.NewPCG(uint64(n), 7))
	m := image.NewRGBA(image.Rect(0, 0, 12, 12))
	cx, cy := 4+rng.IntN(4), 4+rng.IntN(4)
	ink := color.RGBA{uint8(140 + rng.IntN(110)), uint8(140 + rng.IntN(110)), uint8(140 + rng.IntN(110)), 255}
	for y := range 12 {
		for x := range 12 {
			dx, dy := x-cx, y-cy
			in := map[string]bool{
				"bar": dy >= -1 && dy <= 1, "cross": dx == 0 || dy == 0, "disc": dx*dx+dy*dy <= 9, "pole": dx >= -1 && dx <= 1,
			}[class]
			c := color.RGBA{uint8(rng.IntN(70)), uint8(rng.IntN(70)), uint8(rng.IntN(70)), 255}
			if in {
				c = ink
			}
			m.SetRGBA(x, y, c)
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// shapes is a data set of so many pictures of each class below a folder, one more of each than of that before.
func shapes(t testing.TB, root string, n int, classes ...string) string {
	t.Helper()
	for i, class := range classes {
		dir := filepath.Join(root, class)
		require.NoError(t, os.MkdirAll(dir, 0o755))
		for k := range n + i {
			require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d.png", k)), shape(class, 1000*i+k), 0o644))
		}
	}
	return root
}

// tinyText is a network with all that keeps state while it is taught.
const tinyText = `graph "tiny" opset 21 (%image: float32[N,3,12,12]) -> (%prob) {
  %w1: float32[8,3,3,3] = const splat(0.1)
  %scale: float32[8] = const splat(1)
  %shift: float32[8] = const splat(0)
  %mean: float32[8] = const splat(0)
  %var: float32[8] = const splat(1)
  %c1 = Conv{pads=[1, 1, 1, 1]}(%image, %w1) "conv1"
  %b1 = BatchNormalization(%c1, %scale, %shift, %mean, %var) "norm1"
  %r1 = Relu(%b1) "relu1"
  %p1 = MaxPool{kernel_shape=[2, 2], strides=[2, 2]}(%r1) "pool1"
  %w2: float32[8,8,3,3] = const splat(0.1)
  %v2: float32[8] = const splat(0)
  %c2 = Conv{pads=[1, 1, 1, 1]}(%p1, %w2, %v2) "conv2"
  %r2 = Relu(%c2) "relu2"
  %p2 = MaxPool{kernel_shape=[2, 2], strides=[2, 2]}(%r2) "pool2"
  %f = Flatten(%p2) "flat"
  %ratio: float32[] = const 0.25
  %d = Dropout(%f, %ratio) "drop"
  %w3: float32[16,72] = const splat(0.1)
  %v3: float32[16] = const splat(0)
  %g3 = Gemm{transB=1}(%d, %w3, %v3) "fc3"
  %r3 = Relu(%g3) "relu3"
  %w4: float32[3,16] = const splat(0.1)
  %v4: float32[3] = const splat(0)
  %g4 = Gemm{transB=1}(%r3, %w4, %v4) "fc4"
  %prob = Softmax{axis=1}(%g4) "softmax"
}`

// modelFile writes a text as an ONNX model.
func modelFile(t testing.TB, dir, name, text string) string {
	t.Helper()
	g, err := ir.Parse(text, ops.Lookup)
	require.NoError(t, err)
	path := filepath.Join(dir, name)
	require.NoError(t, exporter.WriteFile(g, path, exporter.Options{}))
	return path
}

// weightsOf is the constants of floating point of a model, by name.
func weightsOf(t testing.TB, path string) map[string][]float32 {
	t.Helper()
	g, err := importer.Open(path)
	require.NoError(t, err)
	all := map[string][]float32{}
	for _, v := range g.Values() {
		if v.Const() != nil && v.Const().DType() == tensor.Float32 {
			all[v.Name()] = slices.Clone(tensor.Data[float32](v.Const())) // which is mapped memory as long as g lives
		}
	}
	return all
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return data
}
