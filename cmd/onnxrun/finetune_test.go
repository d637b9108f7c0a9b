package main

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/internal/modelinfo"
	"github.com/onnxrun/onnxrun/teach"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/train"
)

// pretrained is a folder with a model that knows three classes, base.onnx, pictures of those, three, and of one more, four.
func pretrained(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	shapes(t, filepath.Join(dir, "three"), 10, "bar", "cross", "disc")
	shapes(t, filepath.Join(dir, "four"), 8, "bar", "cross", "disc", "pole")
	ok(t, "train", modelFile(t, dir, "tiny.onnx", tinyText), filepath.Join(dir, "three"), "-o", filepath.Join(dir, "base.onnx"), "--quiet",
		"--epochs", "6", "--batch", "8", "--augment", "none", "--rate", "0.02")
	return dir
}

// tune teaches base.onnx a data set, and is what the command prints as JSON, and the file.
func tune(t *testing.T, dir, data, out string, flags ...string) (taughtJSON, string) {
	t.Helper()
	path := filepath.Join(dir, out+".onnx")
	args := []string{"finetune", filepath.Join(dir, "base.onnx"), filepath.Join(dir, data), "-o", path, "--force", "--json", "--quiet", "--epochs", "2", "--batch", "8", "--augment", "none"}
	var result taughtJSON
	require.NoError(t, json.Unmarshal([]byte(ok(t, append(args, flags...)...)), &result))
	return result, path
}

// distance is the mean absolute difference of two lists, infinite where their lengths differ.
func distance(a, b []float32) float64 {
	if len(a) != len(b) || len(a) == 0 {
		return math.Inf(1)
	}
	sum := 0.0
	for i := range a {
		sum += math.Abs(float64(a[i] - b[i]))
	}
	return sum / float64(len(a))
}

// What is frozen stays to the bit, what is not learns, and the model that comes out describes itself and runs.
func TestFinetuneFreezes(t *testing.T) {
	dir := pretrained(t)
	base := weightsOf(t, filepath.Join(dir, "base.onnx"))
	for name, c := range map[string]struct {
		flags, same, moved string
	}{
		"none":              {"", "", "w1 scale shift mean var w2 v2 w3 v3"},
		"all":               {"--freeze all", "w1 scale shift mean var w2 v2 w3 v3", ""},
		"all, augmented":    {"--freeze all --augment flip", "w1 scale shift mean var w2 v2 w3 v3", ""},
		"node":              {"--freeze pool2", "w1 scale shift mean var w2 v2", "w3 v3"},
		"node, augmented":   {"--freeze relu1 --augment flip", "w1 scale shift mean var", "w2 v2 w3 v3"},
		"norms":             {"--freeze-norms", "mean var", "w1 scale shift w2 v2 w3 v3"},
		"parameters":        {"--rate-for w[12]=0 --rate-for s*=0", "w1 w2 scale shift", "v2 w3 v3 mean"},
		"all, with dropout": {"--freeze all --dropout 0.5", "w1 scale shift mean var w2 v2 w3 v3", ""},
		"all, head named":   {"--freeze all --head fc4", "w1 scale shift mean var w2 v2 w3 v3", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, path := tune(t, dir, "four", "out", strings.Fields(c.flags)...)
			w := weightsOf(t, path)
			for _, v := range strings.Fields(c.same) {
				require.Equal(t, base[v], w[v], v)
			}
			for _, v := range strings.Fields(c.moved) {
				require.NotEqual(t, base[v], w[v], v)
			}
			require.Len(t, w["w4"], 4*16)
			g, err := importer.Open(path)
			require.NoError(t, err)
			labels, _ := g.Meta(modelinfo.LabelsKey)
			require.JSONEq(t, `["bar","cross","disc","pole"]`, labels)
			_, described := g.Meta(modelinfo.PreprocessKey)
			require.True(t, described)
			require.Regexp(t, `^ *\d+\.\d+ %  (bar|cross|disc|pole)\n`, ok(t, path, filepath.Join(dir, "four", "pole", "000.png")))
			require.FileExists(t, filepath.Join(dir, "out.jsonl"))
			require.FileExists(t, filepath.Join(dir, "out.png"))
			require.NoFileExists(t, filepath.Join(dir, "out.checkpoint.onnx"))
		})
	}
}

// Features that are kept on disk are made once, and learning from them is learning through the whole network.
func TestFinetuneKeepsFeatures(t *testing.T) {
	dir := pretrained(t)
	args := []string{"finetune", filepath.Join(dir, "base.onnx"), filepath.Join(dir, "four"), "--freeze", "all", "--epochs", "3", "--batch", "8", "-o"}
	teach := func(out string, flags ...string) (string, map[string][]float32, []byte) {
		path := filepath.Join(dir, out)
		code, _, errOut := run(t, append(append(args, path), flags...)...)
		require.Zero(t, code, errOut)
		return errOut, weightsOf(t, path), read(t, path)
	}
	errOut, kept, one := teach("one.onnx")
	require.Contains(t, errOut, `features of "r3"`)
	require.NotContains(t, errOut, "are taken from")
	errOut, _, two := teach("two.onnx")
	require.Equal(t, 2, strings.Count(errOut, "images are taken from "+filepath.Join(dir, "cache", "onnxrun", "features")), errOut)
	require.True(t, bytes.Equal(one, two))
	errOut, whole, _ := teach("whole.onnx", "--augment", "flip:0")
	require.NotContains(t, errOut, "features of")
	for _, name := range []string{"w4", "v4"} {
		require.InDeltaSlice(t, whole[name], kept[name], 1e-5, name)
	}
	_, dropped, _ := teach("dropped.onnx", "--dropout", "0.5")
	require.Greater(t, distance(kept["w4"], dropped["w4"]), 1e-4)

	// Those that were made without broken images are no proof that there are none.
	bad := filepath.Join(dir, "four/bar/zzz.png")
	require.NoError(t, os.WriteFile(bad, []byte("no picture"), 0o644))
	teach("broken.onnx")
	code, _, errOut := run(t, append(args, filepath.Join(dir, "strict.onnx"), "--strict-data")...)
	require.Equal(t, exitBad, code, errOut)
	require.Contains(t, errOut, "zzz.png")
	require.NoError(t, os.Remove(bad))

	// Other kernels make other features, to the bit.
	errOut, _, _ = teach("generic.onnx", "--kernels", "generic")
	require.NotContains(t, errOut, "are taken from")

	// A picture that is replaced has other features.
	require.NoError(t, os.WriteFile(filepath.Join(dir, "four/bar/000.png"), shape("bar", 99), 0o644))
	errOut, _, _ = teach("three.onnx")
	require.NotEqual(t, 2, strings.Count(errOut, "are taken from"), errOut)
	// A damaged file of features is made anew.
	files, err := filepath.Glob(filepath.Join(dir, "cache/onnxrun/features/*"))
	require.NoError(t, err)
	for _, f := range files {
		require.NoError(t, os.Truncate(f, 100))
	}
	errOut, _, _ = teach("four.onnx")
	require.NotContains(t, errOut, "are taken from")
}

// still is a rate at which no weight moves, with all that moves at any rate frozen.
var still = []string{"--rate", "1e-12", "--freeze-norms", "--last", "--epochs", "1"}

// Layers restart, are removed, or keep their weights, as flags say.
func TestFinetuneSurgery(t *testing.T) {
	dir := pretrained(t)
	base := weightsOf(t, filepath.Join(dir, "base.onnx"))
	teach := func(data string, flags ...string) (string, map[string][]float32) {
		_, path := tune(t, dir, data, "out", append(flags, still...)...)
		return path, weightsOf(t, path)
	}
	_, w := teach("three", "--keep-head")
	for _, name := range []string{"w1", "scale", "mean", "w2", "v2", "w3", "v3", "w4", "v4"} {
		require.LessOrEqual(t, distance(base[name], w[name]), 1e-7, name)
	}
	_, w = teach("three")
	require.Greater(t, distance(base["w4"], w["w4"]), 1e-3)
	require.LessOrEqual(t, distance(base["w3"], w["w3"]), 1e-7)
	_, w = teach("three", "--reinit", "1")
	require.Greater(t, distance(base["w3"], w["w3"]), 1e-3)
	require.LessOrEqual(t, distance(base["w2"], w["w2"]), 1e-7)

	path, w := teach("four", "--drop", "pool2")
	require.Len(t, w["w3"], 16*8*6*6)
	g, err := importer.Open(path)
	require.NoError(t, err)
	for _, n := range g.Nodes() {
		require.NotEqual(t, "pool2", n.Name)
	}
	path, _ = teach("four", "--dropout", "0.4")
	g, err = importer.Open(path)
	require.NoError(t, err)
	n, err := train.Classifier(g)
	require.NoError(t, err)
	require.Equal(t, "Dropout", n.In(0).Def().OpName())
	require.InDelta(t, 0.4, tensor.Data[float32](n.In(0).Def().In(1).Const())[0], 1e-6)
	require.Contains(t, ok(t, path, filepath.Join(dir, "four/bar/000.png")), "bar")
}

// Settings of the loss and of rates do what they say.
func TestFinetuneSettings(t *testing.T) {
	dir := pretrained(t)
	base := weightsOf(t, filepath.Join(dir, "base.onnx"))
	plain, path := tune(t, dir, "three", "plain")
	w := weightsOf(t, path)

	_, path = tune(t, dir, "three", "out", "--layer-decay", "0.05")
	decayed := weightsOf(t, path)
	require.Less(t, distance(base["w1"], decayed["w1"]), distance(base["w1"], w["w1"])/20)
	require.Less(t, distance(base["w3"], decayed["w3"]), distance(base["w3"], w["w3"])/5)
	_, path = tune(t, dir, "three", "out", "--rate-for", "w3=0.1")
	slow := weightsOf(t, path)
	require.Less(t, distance(base["w3"], slow["w3"]), distance(base["w3"], w["w3"])/3)

	first := func(r taughtJSON) float64 { return r.Epochs[0].Train.Loss }
	smoothed, _ := tune(t, dir, "three", "out", "--label-smoothing", "0.5", "--keep-head", "--rate", "1e-12", "--freeze-norms")
	sharp, _ := tune(t, dir, "three", "out", "--keep-head", "--rate", "1e-12", "--freeze-norms")
	require.Greater(t, first(smoothed), first(sharp)) // a model that is sure of itself
	squared, _ := tune(t, dir, "three", "out", "--loss", "mse")
	require.NotEqual(t, first(plain), first(squared))
	for _, flags := range [][]string{{"--balanced"}, {"--augment", "mixup"}} {
		_, path := tune(t, dir, "three", "out", flags...)
		require.Greater(t, distance(w["w4"], weightsOf(t, path)["w4"]), 1e-6, flags)
	}

	patient, _ := tune(t, dir, "three", "out", "--patience", "2", "--epochs", "20", "--rate", "1e-12", "--freeze-norms", "--keep-head")
	require.True(t, patient.Early)
	require.Len(t, patient.Epochs, 3)
	require.Equal(t, 1, patient.Best.Epoch)
}

// A teacher is come near to: its scores, and its features.
func TestFinetuneDistills(t *testing.T) {
	dir := pretrained(t)
	base := filepath.Join(dir, "base.onnx")
	feature := func(model string) []float32 {
		path := filepath.Join(dir, "f.npy")
		ok(t, "features", model, filepath.Join(dir, "three/disc/001.png"), "--layer", "relu2", "-o", path, "--force")
		f, err := os.Open(path)
		require.NoError(t, err)
		defer f.Close()
		x, err := tensor.ReadNPY(f)
		require.NoError(t, err)
		return tensor.Data[float32](x)
	}
	flags := []string{"--reinit", "3", "--epochs", "12", "--rate", "0.005", "--last"}
	_, alone := tune(t, dir, "three", "alone", flags...)
	_, taught := tune(t, dir, "three", "taught", append(flags, "--distill", base, "--distill-features", "r2", "--distill-feature-weight", "3")...)
	want := feature(base)
	require.NotZero(t, slices.Max(feature(taught)), "its rectifiers are dead")
	require.Less(t, distance(want, feature(taught)), distance(want, feature(alone))*0.8)
	_, scores := tune(t, dir, "three", "scores", append(flags, "--distill", base, "--distill-weight", "1")...)
	require.Greater(t, distance(weightsOf(t, alone)["w4"], weightsOf(t, scores)["w4"]), 1e-4)
}

// A search for a rate draws what it saw, and teaches nothing.
func TestFindRateCommand(t *testing.T) {
	dir := pretrained(t)
	picture, out := filepath.Join(dir, "rates.png"), filepath.Join(dir, "none.onnx")
	var c train.RateCurve
	text := ok(t, "train", filepath.Join(dir, "tiny.onnx"), filepath.Join(dir, "three"), "-o", out, "--find-rate", picture, "--batch", "8", "--json", "--quiet")
	require.NoError(t, json.Unmarshal([]byte(text), &c))
	require.Greater(t, c.Pick, 1e-5)
	require.Less(t, c.Pick, 10.0)
	require.Equal(t, len(c.Rates), len(c.Losses))
	require.True(t, bytes.HasPrefix(read(t, picture), []byte("\x89PNG")))
	require.NoFileExists(t, out)
}

// Without a rate, optimizers that scale each parameter's step have one that suits them.
func TestAdaptiveRate(t *testing.T) {
	for _, c := range []struct {
		args []string
		want float64
	}{{nil, 0.05}, {[]string{"--optimizer", "adamw"}, 0.001}, {[]string{"--optimizer", "adam", "--rate", "0.01"}, 0.01}} {
		a := &app{}
		var f teachFlags
		cmd := &cobra.Command{}
		f.add(cmd, teach.FromScratch())
		require.NoError(t, cmd.ParseFlags(append(c.args, "-o", "x.onnx")))
		opts, err := f.options(a, cmd)
		require.NoError(t, err)
		require.InDelta(t, c.want, opts.Recipe.Rate, 1e-12)
	}
}

// A mistyped architecture is told the nearest ones.
func TestTrainUnknownArchitecture(t *testing.T) {
	code, _, errOut := run(t, "train", "resnet81", pretrained(t)+"/three", "-o", t.TempDir()+"/out.onnx")
	require.Equal(t, exitBad, code)
	require.Contains(t, errOut, `as an architecture it is not known; nearest: "resnet18"`)
}
