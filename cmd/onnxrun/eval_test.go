package main

import (
	"encoding/json"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun"
)

// digits is a data set of the digits of testdata below a folder of it, with one that stands in the wrong folder and one
// that cannot be read.
func digits(t *testing.T, split string) string {
	t.Helper()
	root := t.TempDir()
	write := func(class int, name string, data []byte) {
		dir := filepath.Join(root, split, fmt.Sprint(class))
		require.NoError(t, os.MkdirAll(dir, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o644))
	}
	for class, name := range []string{"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"} {
		data, err := os.ReadFile("../../testdata/" + name + ".png")
		require.NoError(t, err)
		write(class, "a.png", data)
		if class == 7 {
			write(1, "b.png", data)
		}
	}
	write(3, "broken.png", []byte("no image"))
	return root
}

const evalText = `test: 11 images of 10 classes, N images/s
top-1    90.91 %
top-5   100.00 %
loss  L

  IMAGES    RECALL  PRECISION  CLASS
       1  100.00 %   100.00 %  0
       2   50.00 %   100.00 %  1
       1  100.00 %   100.00 %  2
       1  100.00 %   100.00 %  3
       1  100.00 %   100.00 %  4
       1  100.00 %   100.00 %  5
       1  100.00 %   100.00 %  6
       1  100.00 %    50.00 %  7
       1  100.00 %   100.00 %  8
       1  100.00 %   100.00 %  9

confusion matrix: a row for each true class, a column for each predicted one
      0  1  2  3  4  5  6  7  8  9
0     1  ·  ·  ·  ·  ·  ·  ·  ·  ·
1     ·  1  ·  ·  ·  ·  ·  1  ·  ·
2     ·  ·  1  ·  ·  ·  ·  ·  ·  ·
3     ·  ·  ·  1  ·  ·  ·  ·  ·  ·
4     ·  ·  ·  ·  1  ·  ·  ·  ·  ·
5     ·  ·  ·  ·  ·  1  ·  ·  ·  ·
6     ·  ·  ·  ·  ·  ·  1  ·  ·  ·
7     ·  ·  ·  ·  ·  ·  ·  1  ·  ·
8     ·  ·  ·  ·  ·  ·  ·  ·  1  ·
9     ·  ·  ·  ·  ·  ·  ·  ·  ·  1

left out, because they cannot be read: 1
  "test/3/broken.png": not an image of a kind that is known (PNG, JPEG, GIF, WebP, BMP, TIFF)
`

func TestEval(t *testing.T) {
	data, dir := digits(t, "test"), t.TempDir()
	confusion, worst := filepath.Join(dir, "c.png"), filepath.Join(dir, "w.png")
	out := ok(t, "eval", lenet, data, "--confusion", confusion, "--worst", worst, "--worst-count", "4")
	out = regexp.MustCompile(`\d+ images/s`).ReplaceAllString(out, "N images/s")
	out = regexp.MustCompile(`loss +\d+\.\d{4}`).ReplaceAllString(out, "loss  L")
	require.Equal(t, evalText, out)
	for _, path := range []string{confusion, worst} {
		f, err := os.Open(path)
		require.NoError(t, err)
		defer f.Close()
		_, err = png.Decode(f)
		require.NoError(t, err, path)
	}

	var e evaluated
	require.NoError(t, json.Unmarshal([]byte(ok(t, "eval", lenet, data, "--json", "--split", "all", "--batch", "3")), &e))
	require.Equal(t, "all", e.Split)
	require.Equal(t, 11, e.Images)
	require.InDelta(t, 10.0/11, e.Top1, 1e-9)
	require.Equal(t, "test/1/b.png", e.Worst[0].Image)
	require.Equal(t, "7", e.Worst[0].Predicted)
	require.Contains(t, ok(t, "eval", lenet, digits(t, "val")), "val: 11 images")
	require.Contains(t, ok(t, "eval", lenet, digits(t, ".")), "all: 11 images")
}

func TestEvalBadInput(t *testing.T) {
	data := digits(t, "test")
	for want, args := range map[string][]string{
		"test/3/broken.png":                                         {"--strict-data"},
		`no images in split "train"; it has test`:                   {"--split", "train"},
		"--batch 0: must be at least 1":                             {"--batch", "0"},
		"--worst-count 401: expects 1 to 400":                       {"--worst-count", "401"},
		"expects the name of a .png":                                {"--worst", "w.jpg"},
		`--confusion "` + data + `/none/c.png": there is no folder`: {"--confusion", filepath.Join(data, "none", "c.png")},
	} {
		code, out, errOut := run(t, append([]string{"eval", lenet, data}, args...)...)
		require.Equal(t, exitBad, code, want)
		require.Empty(t, out)
		require.Contains(t, errOut, want)
	}
	code, _, errOut := run(t, "eval", lenet, "../../testdata/seven.png")
	require.Equal(t, exitBad, code)
	require.Contains(t, errOut, "has no classes")
}

// TestEvalManyClasses has more classes than a matrix of text can show.
func TestEvalManyClasses(t *testing.T) {
	e := &onnxrun.Evaluation{Images: 100, Seconds: 1}
	for i := range 30 {
		e.Classes = append(e.Classes, onnxrun.ClassAccuracy{Name: fmt.Sprintf("class%d", i), Images: 10})
		e.Confusion = append(e.Confusion, make([]int, 30))
	}
	e.Confusion[3][4], e.Confusion[20][1], e.Confusion[5][5] = 2, 7, 9
	var out strings.Builder
	require.NoError(t, (&app{out: &out}).printEvaluation(e, "val"))
	_, confusions, _ := strings.Cut(out.String(), "most frequent confusions:\n")
	require.Equal(t, "     7 of 10  class20 → class1\n     2 of 10  class3 → class4\n", confusions)
}

// TestEvalOthers has predictions that the data set has no class for.
func TestEvalOthers(t *testing.T) {
	e := &onnxrun.Evaluation{Images: 3, Classes: []onnxrun.ClassAccuracy{{Name: "a rather long name of a class", Images: 3, Elsewhere: 2}}, Confusion: [][]int{{1}}}
	var out strings.Builder
	(&app{out: &out}).printMatrix(e)
	_, matrix, _ := strings.Cut(out.String(), "predicted one\n")
	require.Equal(t, `                          a rather lon        others
a rather long name of a              1             2
`, matrix)
}
