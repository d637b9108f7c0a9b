package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// badRun is a command line that must fail, without anything written at OUT: $D stands for the folder of all, and the error
// is the whole of what follows "onnxrun: ".
type badRun struct {
	name, model, data string
	flags             string
	want              string
}

// badData makes data sets that nothing can be learned from, and some that are good, below a folder.
func badData(t *testing.T, d string) {
	at := func(name string) string { return filepath.Join(d, name) }
	put := func(name, text string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(at(name)), 0o755))
		require.NoError(t, os.WriteFile(at(name), []byte(text), 0o644))
	}
	shapes(t, at("good"), 8, "bar", "cross", "disc")
	shapes(t, at("one"), 3, "bar")
	shapes(t, at("empty"), 3, "bar", "disc")
	require.NoError(t, os.Mkdir(at("empty/cross"), 0o755))
	put("none/readme.txt", "no images here")
	put("flat/a.png", string(shape("bar", 1)))
	shapes(t, at("differ/train"), 3, "bar", "disc")
	shapes(t, at("differ/val"), 3, "bar", "cross")
	shapes(t, at("less/train"), 3, "bar", "disc")
	shapes(t, at("less/val"), 3, "bar")
	shapes(t, at("untrained/val"), 3, "bar", "disc")
	for i := range 6 {
		put(fmt.Sprintf("unreadable/%c/%d.png", 'a'+i%2, i), "no image")
	}
	put("minus.csv", "good/bar/000.png,-1\ngood/disc/000.png,1\n")
	put("far.csv", "good/bar/000.png,2000000\ngood/disc/000.png,1\n")
	put("gap.csv", "good/bar/000.png,0\ngood/disc/000.png,2\n")
	put("part.csv", "good/bar/000.png,0,tarin\n")
	put("unlabeled.csv", "good/bar/000.png,\ngood/disc/000.png,disc\ngood/bar/001.png,bar\n")
	put("text.onnx", "this is no model but some lines of text")
	modelFile(t, d, "tiny.onnx", tinyText)
	modelFile(t, d, "hard.onnx", strings.Replace(tinyText, `%r3 = Relu(%g3)`, `%r3 = Hardmax{axis=1}(%g3)`, 1))
	modelFile(t, d, "blunt.onnx", `graph "blunt" opset 21 (%image: float32[N,3,12,12]) -> (%y) {
  %f = Flatten(%image) "flat"
  %y = Add(%f, %f) "sum"
}`)
}

func TestTeachBadInput(t *testing.T) {
	d := t.TempDir()
	badData(t, d)
	runs := []badRun{
		{"one class", "tiny", "one", "", `vision: data set "$D/one": one class, "bar": there is nothing to tell apart; expects a folder for each of two classes at least`},
		{"an empty class", "tiny", "empty", "", `vision: data set "$D/empty": classes without an image to train with: "cross"`},
		{"no images", "tiny", "none", "", `vision: data set "$D/none": has no images (.png, .jpg, .jpeg, .gif, .webp, .bmp, .tif, .tiff)`},
		{"no folder", "tiny", "nowhere", "", `vision: data set "$D/nowhere": no such file or directory`},
		{"no classes", "tiny", "flat", "", `data set "$D/flat" has no classes: expects a folder for each class, or labels`},
		{"all unreadable", "tiny", "unreadable", "", `vision: data set "$D/unreadable": none of 4 images can be read; the first: vision: "a/0.png": not an image of a kind that is known (PNG, JPEG, GIF, WebP, BMP, TIFF)`},
		{"other classes to validate", "tiny", "differ", "", `vision: data set "$D/differ": images to validate with are of classes that those to train with lack: "cross"`},
		{"fewer classes to validate", "tiny", "less", "", `vision: data set "$D/less": classes without an image to validate with: "disc"`},
		{"nothing to learn from", "tiny", "untrained", "", `data set "$D/untrained": has parts [val], but none to learn from (train)`},
		{"a negative label", "tiny", "minus.csv", "", `vision: data set "$D/minus.csv": class -1: classes are numbered from 0`},
		{"a label too great", "tiny", "far.csv", "", `vision: data set "$D/far.csv": class 2000000: more than 1048576 classes`},
		{"a class between labels", "tiny", "gap.csv", "", `vision: data set "$D/gap.csv": classes without an image to train with: "1"`},
		{"an unknown part", "tiny", "part.csv", "", `vision: data set "$D/part.csv": line 1: split "tarin": expects train, val or test`},
		{"an image without a label", "tiny", "unlabeled.csv", "", `vision: data set "$D/unlabeled.csv": image "good/bar/000.png" has no class`},
		{"no classifier", "blunt", "good", "", `train: node "sum" (Add): no classifier found: the search back from the scores "y" ends here; name the layer`},
		{"not differentiable", "hard", "good", "", `train: node "relu3" (Hardmax): is not differentiable`},
		{"no epochs", "tiny", "good", "--epochs 0", `recipe: epochs is 0, expects at least 1`},
		{"a negative batch", "tiny", "good", "--batch -1", `recipe: batch is -1, expects 1 to 65536`},
		{"a rate that is no number", "tiny", "good", "--rate nan", `recipe: learning rate is NaN, expects a number above 0`},
		{"no rate", "tiny", "good", "--rate 0", `recipe: learning rate is 0, expects a number above 0`},
		{"an unknown schedule", "tiny", "good", "--schedule foo", `train: schedule "foo": unknown (constant, cosine, one-cycle, one-cycle:0.3, step:0.1@0.5,0.75)`},
		{"an unknown augmentation", "tiny", "good", "--augment foo", `vision: augmentation "foo": unknown, expects some of resized-crop, crop, flip, vflip, rotate, affine, color, reflect, erase, mixup, or none`},
		{"an unknown optimizer", "tiny", "good", "--optimizer foo", `train: optimizer "foo": unknown, expects sgd, adam or adamw`},
		{"an unknown loss", "tiny", "good", "--loss foo", `recipe: loss is foo, expects cross-entropy or mse`},
		{"a momentum too great", "tiny", "good", "--momentum 1", `train: optimizer: momentum is 1, expects 0 to 1`},
		{"smoothing beyond one", "tiny", "good", "--label-smoothing 1", `recipe: label smoothing is 1, expects 0 to 1`},
		{"no factor", "tiny", "good", "--rate-for x", `--rate-for "x": expects PATTERN=FACTOR`},
		{"a factor that is none", "tiny", "good", "--rate-for x=0.1z", `--rate-for "x=0.1z": expects PATTERN=FACTOR`},
		{"no such parameter", "tiny", "good", "--rate-for w9=0", `rate of "w9": no parameter has such a name; nearest: "w1", "w2", "w3"`},
		{"a pattern that is none", "tiny", "good", "--rate-for [=1", `recipe: rate of [ is 1, expects a pattern and a number of at least 0`},
		{"all to validate", "tiny", "good", "--val-fraction 1", `recipe: share held out is 1, expects 0 to 1`},
		{"warm-up too long", "tiny", "good", "--epochs 1 --warmup 1", `recipe: warm-up is 1, expects 0 up to the number of epochs`},
		{"impatience", "tiny", "good", "--patience -1", `recipe: patience is -1, expects 0 or more`},
		{"curves of another kind", "tiny", "good", "--curves c.jpg", `--curves "c.jpg": expects the name of a .png`},
		{"a folder that there is not", "tiny", "good", "-o $D/no/out.onnx", `-o "$D/no/out.onnx": there is no folder "$D/no"`},
		{"patience without validation", "tiny", "good", "--patience 3 --val-fraction 0", `recipe: patience is 3, but there is nothing to validate on: hold out a share of the images`},
		{"a log in the output's place", "tiny", "good", "--log $D/out.onnx", `-o and --log are one file, "$D/out.onnx"`},
		{"curves in the log's place", "tiny", "good", "--log $D/out.png", `--log and --curves are one file, "$D/out.png"`},
		{"a folder as output", "tiny", "good", "-o $D/good", `-o "$D/good": is a folder`},
	}
	finetuning := []badRun{
		{"no model", "text", "good", "", `importer: $D/text.onnx: not an ONNX model but a text file`},
		{"a frozen point that there is not", "tiny", "good", "--freeze pool3", `train: node "pool3": not found; nearest: "pool1", "pool2", "prob"`},
		{"all frozen", "tiny", "good", "--freeze fc4 --augment flip", `train: nothing is left to learn: the model has no parameters that are not frozen`},
		{"a head that there is not", "tiny", "good", "--head fc5", `node "fc5": not found; nearest: "fc3", "fc4", "flat"`},
		{"a head that is none", "tiny", "good", "--head fc3", `train: node "fc3" (Gemm): is not the classifier: with 16 outputs there are 3 scores for an image`},
		{"a node to drop that there is not", "tiny", "good", "--drop conv3", `train: node "conv3": not found; nearest: "conv1", "conv2", "norm1"`},
		{"too many layers", "tiny", "good", "--reinit 9", `train: 10 layers to restart, expects 0 to the model's 4`},
		{"fewer layers than none", "tiny", "good", "--reinit -1", `-1 layers to restart, expects 0 or more`},
		{"dropout of all", "tiny", "good", "--dropout 1", `train: dropout ratio 1, expects at least 0 and less than 1`},
		{"no teacher", "tiny", "good", "--distill $D/none.onnx", `importer: $D/none.onnx: no such file or directory`},
		{"a teacher of other classes", "tiny", "good", "--distill ../../testdata/lenet5.onnx", `teacher: value "OUTPUT": it has 10 classes, the data set 3`},
		{"a teacher of other images", "tiny", "good", "--distill ../../testdata/lenet5.onnx --distill-weight 0", `teacher: runtime: input "image": float32[24 3 12 12] does not fit float32[N,1,28,28]`},
		{"a weight beyond one", "tiny", "good", "--distill $D/tiny.onnx --distill-weight 2", `train: loss: distillation: weight is 2, expects 0 to 1`},
		{"a weight of no teacher", "tiny", "good", "--distill-weight 0.5", `--distill-weight: there is no teacher (--distill MODEL)`},
		{"features that there are not", "tiny", "good", "--distill $D/tiny.onnx --distill-features r9", `train: loss: train: value "r9": not found; nearest: "r1", "r2", "r3"`},
	}
	for _, command := range []string{"train", "finetune"} {
		all := runs
		if command == "finetune" {
			all = append(all, finetuning...)
		}
		for _, c := range all {
			t.Run(command+"/"+c.name, func(t *testing.T) {
				in := func(s string) string { return strings.ReplaceAll(s, "$D", d) }
				args := []string{command, filepath.Join(d, c.model+".onnx"), filepath.Join(d, c.data), "--quiet", "-o", filepath.Join(d, "out.onnx"), "--epochs", "2"}
				code, out, errOut := run(t, append(args, strings.Fields(in(c.flags))...)...)
				require.Equal(t, exitBad, code, errOut)
				require.Empty(t, out)
				text := strings.ReplaceAll(errOut, d, "$D")
				require.Equal(t, "onnxrun: "+c.want+"\n", text)
				left, err := filepath.Glob(filepath.Join(d, "*out*"))
				require.NoError(t, err)
				require.Empty(t, left)
			})
		}
	}
}
