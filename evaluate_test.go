package onnxrun

import (
	"bytes"
	"context"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/vision"
)

// pixels is a model whose two scores are the two pixels of its image.
const pixels = `graph "pixels" opset 21 (%x: float32[N,1,1,2]) -> (%y) {
  %y = Flatten(%x) "flatten"
}`

// pixelModel is pixels, or another such graph, ready to run.
func pixelModel(t *testing.T, text string, labels ...string) *Model {
	spec := vision.Spec{Resize: "none", Width: 2, Height: 1, Channels: 1, Order: "rgb", Scale: 1, Layout: "nchw"}
	m, err := NewModel(parse(t, text), Options{Preprocess: &spec, Labels: labels})
	require.NoError(t, err)
	t.Cleanup(m.Close)
	return m
}

// twoPixels is a PNG.
func twoPixels(t *testing.T, a, b uint8) []byte {
	m := image.NewGray(image.Rect(0, 0, 2, 1))
	m.SetGray(0, 0, color.Gray{a})
	m.SetGray(1, 0, color.Gray{b})
	var out bytes.Buffer
	require.NoError(t, png.Encode(&out, m))
	return out.Bytes()
}

func dataset(t *testing.T, files map[string][]byte) *vision.Dataset {
	root := t.TempDir()
	for name, data := range files {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, data, 0o644))
	}
	d, err := vision.OpenDataset(root)
	require.NoError(t, err)
	return d
}

// small is two classes: of cats one right, one wrong, one broken; of dogs one right.
func small(t *testing.T) *vision.Dataset {
	return dataset(t, map[string][]byte{
		"cat/0.png": twoPixels(t, 3, 1), "cat/1.png": twoPixels(t, 0, 4), "cat/2.png": []byte("no image"), "dog/0.png": twoPixels(t, 1, 2),
	})
}

func TestEvaluate(t *testing.T) {
	softmax := func(d float64) float64 { return 1 / (1 + math.Exp(-d)) }
	loss := -(math.Log(softmax(2)) + math.Log(softmax(-4)) + math.Log(softmax(1))) / 3
	fixed := `graph "fixed" opset 21 (%x: float32[2,1,1,2]) -> (%y) {
  %s: int64[2] = const [2, 2]
  %y = Reshape(%x, %s) "reshape"
}`
	for _, m := range []*Model{pixelModel(t, pixels, "CAT ", "dog"), pixelModel(t, fixed, "cat", "dog")} {
		for _, batch := range []int{0, 1, 2, 3} {
			var seen []int
			e, err := Evaluate(context.Background(), m, small(t), EvaluateOptions{Batch: batch, Worst: 2, Progress: func(done, total int) {
				require.Equal(t, 4, total)
				seen = append(seen, done)
			}})
			require.NoError(t, err)
			require.Equal(t, 4, seen[len(seen)-1])
			require.Equal(t, 3, e.Images)
			require.Len(t, e.Broken, 1)
			require.Contains(t, e.Broken[0], "cat/2.png")
			require.Equal(t, 2.0/3, e.Top1)
			require.Equal(t, 1.0, e.Top5)
			require.InDelta(t, loss, e.Loss, 1e-6)
			require.Equal(t, []ClassAccuracy{{"cat", 2, 0.5, 1, 0}, {"dog", 1, 1, 0.5, 0}}, e.Classes)
			require.Equal(t, [][]int{{1, 1}, {0, 1}}, e.Confusion)
			require.Len(t, e.Worst, 2)
			require.InDelta(t, softmax(-4), e.Worst[0].Probability, 1e-7)
			require.Equal(t, "cat/1.png dog", e.Worst[0].Image+" "+e.Worst[0].Predicted)
			require.Equal(t, "dog/0.png dog", e.Worst[1].Image+" "+e.Worst[1].Predicted)
			require.Empty(t, e.Notes)
		}
	}
}

// What a Softmax or a Sigmoid at the end reads counts, even where the probabilities that they make are rounded to 0 and 1.
func TestEvaluateBeforeSoftmax(t *testing.T) {
	data := dataset(t, map[string][]byte{"cat/0.png": twoPixels(t, 0, 200), "dog/0.png": twoPixels(t, 7, 7)})
	for name, end := range map[string]string{
		"none": "%y = Identity(%f)", "softmax": "%y = Softmax{axis=1}(%f)", "log": "%y = LogSoftmax{axis=1}(%f)", "sigmoid": "%y = Sigmoid(%f)",
	} {
		m := pixelModel(t, `graph "end" opset 21 (%x: float32[N,1,1,2]) -> (%y) {
  %f = Flatten(%x) "flatten"
  `+end+` "end"
}`, "cat", "dog")
		e, err := Evaluate(t.Context(), m, data, EvaluateOptions{Worst: 2})
		require.NoError(t, err)
		require.InDelta(t, (200+math.Log(2))/2, e.Loss, 1e-9, name)
		require.Equal(t, 0.0, e.Top1, "of equal scores the first is the greatest")
		require.Equal(t, []int{0, 1}, []int{e.Worst[0].Index, e.Worst[1].Index})
		require.InDelta(t, math.Exp(-200), e.Worst[0].Probability, 1e-90, name)
		require.Equal(t, []float64{1, 0.5}, []float64{e.Worst[0].Confidence, e.Worst[1].Confidence})
	}
}

func TestEvaluateElsewhere(t *testing.T) {
	// The model knows more classes than the data set has, in another order.
	data := dataset(t, map[string][]byte{"dog/0.png": twoPixels(t, 9, 1), "dog/1.png": twoPixels(t, 1, 9)})
	e, err := Evaluate(context.Background(), pixelModel(t, pixels, "cat", "Dog"), data, EvaluateOptions{Worst: 1})
	require.NoError(t, err)
	require.Equal(t, []ClassAccuracy{{"dog", 2, 0.5, 1, 1}}, e.Classes)
	require.Equal(t, [][]int{{1}}, e.Confusion)
	require.Equal(t, "cat", e.Worst[0].Predicted)

	var a, b bytes.Buffer
	require.NoError(t, e.WriteConfusion(&a))
	require.NoError(t, e.WriteWorst(&b, data))
	for _, p := range []*bytes.Buffer{&a, &b} {
		_, err := png.Decode(p)
		require.NoError(t, err)
	}
	text, err := json.Marshal(e)
	require.NoError(t, err)
	for _, key := range []string{`"images":2`, `"top1":0.5`, `"top5":1`, `"elsewhere":1`, `"confusion":[[1]]`, `"predicted":"cat"`} {
		require.Contains(t, string(text), key)
	}
}

func TestEvaluateUnnamed(t *testing.T) {
	data := dataset(t, map[string][]byte{"a.png": twoPixels(t, 9, 1), "b.png": twoPixels(t, 9, 1), "list.csv": []byte("a.png,cat\nb.png\n")})
	data, err := vision.OpenDataset(filepath.Join(data.Name(), "list.csv"))
	require.NoError(t, err)
	e, err := Evaluate(context.Background(), pixelModel(t, pixels, "cat", "dog"), data, EvaluateOptions{})
	require.NoError(t, err)
	require.Equal(t, 1, e.Images)
	require.Equal(t, []string{"images without a class, which are left out: 1"}, e.Notes)
}

func TestEvaluateErrors(t *testing.T) {
	ctx := context.Background()
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	nan := `graph "nan" opset 21 (%x: float32[N,1,1,2]) -> (%y) {
  %f = Flatten(%x) "flatten"
  %z = Sub(%f, %f) "zero"
  %y = Div(%z, %z) "nan"
}`
	flat := dataset(t, map[string][]byte{"a.png": twoPixels(t, 1, 1)})
	broken := dataset(t, map[string][]byte{"cat/a.png": []byte("x"), "dog/a.png": []byte("x")})
	names := []string{"cat", "dog"}
	for want, c := range map[string]struct {
		ctx  context.Context
		m    *Model
		data *vision.Dataset
		opts EvaluateOptions
	}{
		"has no classes: expects a folder":      {ctx, pixelModel(t, pixels, names...), flat, EvaluateOptions{}},
		"cat/2.png":                             {ctx, pixelModel(t, pixels, names...), small(t), EvaluateOptions{Strict: true}},
		"none of 2 images can be read":          {ctx, pixelModel(t, pixels, names...), broken, EvaluateOptions{}},
		"context canceled":                      {cancelled, pixelModel(t, pixels, names...), small(t), EvaluateOptions{}},
		`image "cat/0.png": the scores are not`: {ctx, pixelModel(t, nan, names...), small(t), EvaluateOptions{}},
		`of which the model does not know "1"`: {ctx, pixelModel(t, pixels, names...),
			dataset(t, map[string][]byte{"cat/a.png": twoPixels(t, 1, 2), "1/a.png": twoPixels(t, 1, 2), "dog/a.png": twoPixels(t, 1, 2)}), EvaluateOptions{}},
	} {
		_, err := Evaluate(c.ctx, c.m, c.data, c.opts)
		require.ErrorContains(t, err, want)
	}
}

func TestMatchClasses(t *testing.T) {
	for name, c := range map[string]struct {
		names, labels []string
		width         int
		want          []int
		note, err     string
	}{
		"names":              {[]string{"b", " A"}, []string{"a", "x", "B"}, 3, []int{2, 0}, "", ""},
		"order":              {[]string{"ants", "bees"}, []string{"ant", "bee"}, 2, []int{0, 1}, `by their order, because the model does not call one "ants": "ants" is its "ant", "bees" is its "bee"`, ""},
		"no labels":          {[]string{"ants", "bees"}, nil, 2, []int{0, 1}, "have no names", ""},
		"two of a name":      {[]string{"crane", "crane"}, []string{"crane", "crane"}, 2, []int{0, 1}, "", ""},
		"one name for two":   {[]string{"a", "A"}, []string{"a", "b", "c"}, 3, nil, "", `does not know "A"`},
		"too many labels":    {[]string{"c"}, []string{"a", "b", "c"}, 2, nil, "", `does not know "c"`},
		"unknown, no labels": {[]string{"a"}, nil, 1000, nil, "", "name them"},
	} {
		got, note, err := matchClasses(c.names, c.labels, c.width)
		if c.err != "" {
			require.ErrorContains(t, err, c.err, name)
			continue
		}
		require.NoError(t, err, name)
		require.Equal(t, c.want, got, name)
		require.Contains(t, note, c.note, name)
		require.Equal(t, c.note == "", note == "", name)
	}
}
