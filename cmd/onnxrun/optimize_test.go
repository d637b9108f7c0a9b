package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/compress"
	"github.com/onnxrun/onnxrun/exporter"
	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/internal/modelinfo"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/passes"
)

// stem is a network of two convolutions with their normalizations, and a Dropout and an Identity to remove.
const stem = `graph "stem" opset 17 (%image: float32[N,3,16,16]) -> (%y) {
  %w1: float32[4,3,3,3] = const splat(0.05)
  %w2: float32[4,4,1,1] = const splat(0.3)
  %scale: float32[4] = const splat(1.7)
  %bias: float32[4] = const splat(0.1)
  %mean: float32[4] = const splat(0.07)
  %var: float32[4] = const splat(0.9)
  %f = Dropout(%image) "drop"
  %g = Identity(%f) "identity"
  %a = Conv(%g, %w1) "conv1"
  %b = BatchNormalization(%a, %scale, %bias, %mean, %var) "bn1"
  %c = Relu(%b) "relu1"
  %d = Conv(%c, %w2) "conv2"
  %e = BatchNormalization(%d, %scale, %bias, %mean, %var) "bn2"
  %y = GlobalAveragePool(%e) "pool"
}`

// model writes a graph as a file.
func model(t *testing.T, text string) string {
	g, err := ir.Parse(text, ops.Lookup)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "model.onnx")
	require.NoError(t, exporter.WriteFile(g, path, exporter.Options{}))
	return path
}

func TestOptimize(t *testing.T) {
	dir := t.TempDir()
	in, out, page := model(t, stem), filepath.Join(dir, "out.onnx"), filepath.Join(dir, "r.html")
	text := ok(t, "optimize", in, "-o", out, "-O1", "--verify", "random", "--report", page, "--time", "1ms")
	for _, want := range []string{`nodes +8 +6 +-25.0 %`, `parameters +`, `MACs +`, `file, bytes +`, `time, ms +`, `simplify +2`, `on 8 random inputs: worst error 0; top-1 agreement 100 % \(8 of 8\)`} {
		require.Regexp(t, want, text)
	}
	require.True(t, strings.HasSuffix(text, "\n"+out+"\n"))
	require.FileExists(t, page)
	info := ok(t, "info", out)
	require.Contains(t, info, "optimized   -O1: simplify 2×\n")
	require.NotContains(t, info, "Dropout")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 2, "nothing but what was asked for")

	var r compress.Report
	require.NoError(t, json.Unmarshal([]byte(ok(t, "optimize", in, "-o", out, "-O1", "--force", "--json", "--time", "5ms", "--verify", "../../testdata/seven.png", "--verify", "../../testdata")), &r))
	require.Equal(t, 6, r.After.Nodes)
	require.Equal(t, 11, r.Verification.Rows)
	require.Equal(t, "1 images of ../../testdata/seven.png, 10 images of ../../testdata", r.VerifiedOn)
	require.Positive(t, r.After.FileBytes)
	require.Positive(t, r.After.Time)
	require.Contains(t, ok(t, "diff", in, out, "--on", "../../testdata"), "on 10 images of ../../testdata: worst error 0; top-1 agreement 100 % (10 of 10)")
}

// What is fused is written as the standard operators that it stands for, and verified as it stands in the file.
func TestOptimizeForInference(t *testing.T) {
	in, out := model(t, stem), filepath.Join(t.TempDir(), "out.onnx")
	text := ok(t, "optimize", in, "-o", out, "--verify", "random", "--time", "0", "--opset", "13", "--external-data")
	require.Regexp(t, `nodes +8 +3 \(4 in the file\) +-62.5 %`, text)
	require.Contains(t, text, "affine-into-weights  2")
	require.FileExists(t, out+".data")
	require.NoError(t, os.Rename(out, out+".old"))
	code, _, errOut := run(t, "optimize", in, "-o", out, "--external-data")
	require.Equal(t, exitBad, code)
	require.Contains(t, errOut, out+".data exists; --force overwrites it")
	require.NoError(t, os.Rename(out+".old", out))
	var r compress.Report
	require.NoError(t, json.Unmarshal([]byte(ok(t, "optimize", lenet, "-o", out, "--force", "--time", "0", "--json", "--external-data")), &r))
	require.Greater(t, r.After.FileBytes, 4*r.After.Parameters)
	both := r.After.FileBytes
	require.NoError(t, json.Unmarshal([]byte(ok(t, "optimize", lenet, "-o", out, "--force", "--time", "0", "--json")), &r))
	require.FileExists(t, out+".data", "what is left of the other form does not count")
	require.Less(t, r.After.FileBytes, both+1000)
	ok(t, "optimize", in, "-o", out, "--verify", "random", "--force", "--time", "0", "--opset", "13", "--external-data")
	g, err := importer.Open(out)
	require.NoError(t, err)
	require.Equal(t, 13, g.Opset)
	require.Contains(t, ok(t, "diff", in, out), "top-1 agreement 100 %")
	gelu := model(t, `graph "gelu" opset 21 (%x: float32[N,2]) -> (%y) { %y = Gelu(%x) "activation" }`)
	code, _, errOut = run(t, "optimize", gelu, "-o", out, "--force", "-O0", "--opset", "5")
	require.Equal(t, exitBad, code)
	require.Contains(t, errOut, "opset 5 cannot be written, choose one from 7 to ")
	grid := model(t, `graph "grid" opset 21 (%x: float32[1,1,4,4], %g: float32[1,2,2,2]) -> (%y) { %y = GridSample(%x, %g) "sample" }`)
	code, _, errOut = run(t, "optimize", grid, "-o", out, "--force", "--opset", "13", "--time", "0")
	require.Equal(t, exitBad, code)
	require.Contains(t, errOut, `exporter: node "sample" (GridSample): `)
	require.Contains(t, errOut, "needs opset 16 or newer, 13 is asked for")
}

// -O0, -O1 and -O2 work as they are written, also apart and by the long name.
func TestLevels(t *testing.T) {
	in := model(t, stem)
	for want, args := range map[string][]string{"-O0": {"-O0"}, "-O1": {"-O", "1"}, "-O2": {"--level", "2", "--no-pass", "fuse-activation", "--no-pass", "affine-into-weights"}} {
		var r compress.Report
		out := filepath.Join(t.TempDir(), "out.onnx")
		require.NoError(t, json.Unmarshal([]byte(ok(t, append([]string{"optimize", in, "-o", out, "--json", "--time", "0"}, args...)...)), &r))
		require.Equal(t, want, r.Level)
	}
	stopped := filepath.Join(t.TempDir(), "out.onnx")
	require.NotContains(t, ok(t, "optimize", in, "-o", stopped, "-O1", "--stop-after", "-1", "--time", "0"), "simplify")
	require.NotContains(t, ok(t, "optimize", in, "-o", stopped, "-O1", "-stop-after=-1", "-d=check", "--force", "--time", "0"), "simplify")
	code, _, debug := run(t, "optimize", in, "-o", stopped, "-O1", "--force", "--time", "0", "-d=simplify/stats,check", "-d", "fold/dump,lower/dump")
	require.Zero(t, code, debug)
	require.Regexp(t, `(?m)^simplify +2 hits +8 → 6 nodes$`, debug)
	require.Contains(t, debug, "# after fold\ngraph \"stem\"")
	require.Regexp(t, `# lowered\n0 +\S+ \(`, debug)
}

// The textbook's example: a 5×5 convolution of 192 to 32 channels on 28×28 takes 120,422,400 multiplications, and a tenth
// of them behind a 1×1 one to 16 channels.
func TestBottleneck(t *testing.T) {
	in, out := model(t, `graph "textbook" opset 17 (%x: float32[1,192,28,28]) -> (%y) {
  %w: float32[32,192,5,5] = const splat(0.01)
  %y = Conv{pads=[2, 2, 2, 2]}(%x, %w) "conv"
}`), filepath.Join(t.TempDir(), "out.onnx")
	text := ok(t, "optimize", in, "-o", out, "--pass", "bottleneck", "--form", "reduce", "--rank", "16", "--verify", "random", "--time", "0")
	require.Regexp(t, `(?m)^MACs +120,422,400 +12,443,648 +-89.7 %$`, text)
	require.Regexp(t, `(?m)^conv +bottleneck +reduce +16 +\S+ % of the weights +120,422,400 → 12,443,648$`, text)
	require.Contains(t, text, "on 8 random inputs: worst error")
	info := ok(t, "info", out)
	require.Contains(t, info, "optimized   -O2: bottleneck 1×\n")
	require.Regexp(t, `(?m)^  conv: reduce; rank 16; error \S+ % of the weights; 120,422,400 → 12,443,648 MACs$`, info)
	require.Contains(t, info, "MACs        12,443,648\n")
}

// A fit that has fewer images than it needs says how many it needs, and of what.
func TestTooFewImages(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.onnx")
	code, _, errOut := run(t, "optimize", lenet, "-o", out, "--pass", "bottleneck", "--rank", "16", "--calibrate", "../../testdata", "--time", "0")
	require.Equal(t, exitBad, code)
	require.Regexp(t, `node "C5" \(Conv\): bottleneck is fitted to images: it has 10 and needs at least 16; give calibration images \(--calibrate, --images\)`, errOut)
	require.NoFileExists(t, out)
}

// An average that becomes a convolution changes nothing, and is held to the tolerance.
func TestPoolToConv(t *testing.T) {
	var r compress.Report
	out := filepath.Join(t.TempDir(), "out.onnx")
	require.NoError(t, json.Unmarshal([]byte(ok(t, "optimize", lenet, "-o", out, "--pass", "pool-to-conv", "--verify", "random", "--json", "--time", "0")), &r))
	require.False(t, r.Approximate)
	require.Less(t, r.Verification.Error, 1e-5)
	require.NotContains(t, ok(t, "info", out), "AveragePool")
	require.NotContains(t, ok(t, "optimize", lenet, "-o", out, "--force", "--pass", "pool-to-conv", "--calibrate", "../../testdata", "--time", "0"), "fitted to")
	maximum := model(t, `graph "max" opset 17 (%image: float32[N,1,16,16]) -> (%y) {
  %w: float32[2,1,3,3] = const splat(0.1)
  %a = Conv(%image, %w) "conv"
  %b = Relu(%a) "relu"
  %c = MaxPool{kernel_shape=[2, 2], strides=[2, 2]}(%b) "pool"
  %y = Flatten(%c) "flatten"
}`)
	text := ok(t, "optimize", maximum, "-o", out, "--force", "--pass", "pool-to-conv", "--calibrate", "../../testdata", "--verify", "../../testdata", "--time", "0")
	require.Contains(t, text, "\nfitted to 10 images of ../../testdata\n")
	require.Regexp(t, `(?m)^pool +pool-to-conv +\S.* % on 10 images`, text)
	require.Contains(t, text, "top-1 agreement")
	code, _, errOut := run(t, "optimize", maximum, "-o", out, "--force", "--pass", "pool-to-conv", "--pool", "conv")
	require.Equal(t, exitBad, code)
	require.Contains(t, errOut, `node "pool" (MaxPool): pool-to-conv is fitted to images: it has 0 and needs at least`)
	require.Contains(t, errOut, "(--calibrate, --images)")
}

func TestListOfPasses(t *testing.T) {
	text := ok(t, "optimize", "--list")
	for _, p := range passes.Table() {
		require.Contains(t, text, p.Doc)
	}
	require.Regexp(t, `(?m)^simplify +exact +remove`, text)
	var rows []map[string]string
	require.NoError(t, json.Unmarshal([]byte(ok(t, "optimize", "--list", "--json")), &rows))
	require.Len(t, rows, len(passes.Table()))
}

func TestBadOptimize(t *testing.T) {
	dir := t.TempDir()
	in, out := model(t, stem), filepath.Join(dir, "out.onnx")
	empty, broken := filepath.Join(dir, "empty"), filepath.Join(dir, "broken")
	require.NoError(t, os.MkdirAll(empty, 0o777))
	require.NoError(t, os.MkdirAll(broken, 0o777))
	page := filepath.Join(dir, "page.html")
	require.NoError(t, os.WriteFile(page, nil, 0o666))
	require.NoError(t, os.WriteFile(filepath.Join(broken, "a.png"), nil, 0o666))
	for want, args := range map[string][]string{
		"usage: onnxrun optimize MODEL -o OUT":                                       {},
		`pass "simplfy": unknown; nearest: "simplify"`:                               {"--no-pass", "simplfy"},
		`pass "bottelneck": unknown; nearest: "`:                                     {"--pass", "bottelneck"},
		`pass "fuse-activation": is of kind inference, which -O1 excludes; use -O2`:  {"-O1", "--pass", "fuse-activation"},
		`pass "simplify": is both asked for and excluded`:                            {"--pass", "simplify", "--no-pass", "simplify"},
		"-O3: expects -O0, -O1 or -O2":                                               {"-O3"},
		`--report r.txt: unknown kind of file ".txt", expects .html or .json`:        {"--report", "r.txt"},
		"-o -: expects the name of a file":                                           {"-o", "-"},
		`-o "../../testdata": is a folder`:                                           {"-o", "../../testdata", "--force"},
		`--report "none/r.html": there is no folder "none"`:                          {"--report", "none/r.html"},
		"page.html exists; --force overwrites it":                                    {"--report", page},
		`-o "none/out.onnx": there is no folder "none"`:                              {"-o", "none/out.onnx"},
		"--rank is for --pass bottleneck":                                            {"--rank", "4"},
		"--pool is for --pass pool-to-conv":                                          {"--pool", "stride"},
		`--form "tucker3": expects one of reduce, tucker2, project, separable, best`: {"--pass", "bottleneck", "--form", "tucker3"},
		"--energy 2: must be a share":                                                {"--pass", "bottleneck", "--energy", "2"},
		"--speedup 0.5: must be more than 1":                                         {"--pass", "bottleneck", "--speedup", "0.5"},
		"give one of --rank, --energy and --speedup":                                 {"--pass", "bottleneck"},
		"--rank 0: must be at least 1":                                               {"--pass", "bottleneck", "--rank", "0"},
		"--tolerance -1: expects a number of 0 or more":                              {"--tolerance", "-1"},
		`data set "none": no such file or directory`:                                 {"--verify", "none"},
		"--images -1: must not be negative":                                          {"--images", "-1", "--verify", "../../testdata"},
		"--stop-after -2: expects -1 or more":                                        {"--stop-after", "-2"},
		"--calibrate is for --pass pool-to-conv":                                     {"--calibrate", "../../testdata"},
		"has no images":                                                              {"--calibrate", empty, "--pass", "pool-to-conv"},
		"0 of 1 images can be read, needs 1":                                         {"--calibrate", broken, "--pass", "pool-to-conv"},
		`"simplify/dmp" is no directive: PASS/off`:                                   {"-d=simplify/dmp"},
	} {
		command := append([]string{"optimize", in, "-o", out}, args...)
		if len(args) == 0 {
			command = []string{"optimize", in}
		}
		code, stdout, errOut := run(t, command...)
		require.Equal(t, exitBad, code, "%v: %s", args, errOut)
		require.Empty(t, stdout, args)
		require.Contains(t, errOut, want, "%v", args)
		require.NoFileExists(t, out)
	}
}

// Only some of the images are broken: they are named and counted, and left out.
func TestBrokenImages(t *testing.T) {
	dir := t.TempDir()
	png, err := os.ReadFile(seven)
	require.NoError(t, err)
	for name, data := range map[string][]byte{"a.png": png, "b.png": png[:100], "c.png": png, "d.png": nil} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o666))
	}
	code, out, errOut := run(t, "diff", lenet, lenet, "--on", dir)
	require.Zero(t, code, errOut)
	require.Contains(t, out, "on 2 images of "+dir)
	require.Contains(t, errOut, "2 of 4 images cannot be read and are left out; the first: vision: \"b.png\": a damaged PNG image")
}

// A file that exists stays as it is without --force, after a failed verification, and when the disk is full.
func TestOldFileStays(t *testing.T) {
	in, old := model(t, stem), filepath.Join(t.TempDir(), "old.onnx")
	require.NoError(t, os.WriteFile(old, []byte("precious"), 0o666))
	stays := func() {
		data, err := os.ReadFile(old)
		require.NoError(t, err)
		require.Equal(t, "precious", string(data))
		entries, err := os.ReadDir(filepath.Dir(old))
		require.NoError(t, err)
		require.Len(t, entries, 1)
	}
	for _, command := range [][]string{{"optimize", in, "-O1"}, {"label", lenet, "--labels", "digits"}} {
		code, out, errOut := run(t, append(command, "-o", old)...)
		require.Equal(t, exitBad, code)
		require.Empty(t, out)
		require.Contains(t, errOut, old+" exists; --force overwrites it")
		stays()
	}
	weights := strings.TrimSuffix(old, "old.onnx") + "new.onnx.data"
	require.NoError(t, os.Rename(old, weights))
	for _, command := range [][]string{{"optimize", in}, {"label", lenet, "--labels", "digits"}} {
		code, _, errOut := run(t, append(command, "-o", strings.TrimSuffix(weights, ".data"), "--external-data")...)
		require.Equal(t, exitBad, code)
		require.Contains(t, errOut, weights+" exists; --force overwrites it")
	}
	require.NoError(t, os.Rename(weights, old))
	code, _, errOut := run(t, "optimize", in, "-o", old, "--force", "-O2", "--verify", "random", "--tolerance", "1e-15", "--time", "0")
	require.Equal(t, exitNo, code)
	require.Regexp(t, `^onnxrun: verification failed: output "y", element \[0 \d 0 0\] is off by \S+, \S+ of the output's greatest magnitude; the tolerance is 1e-15; the first pass to leave it is "affine-into-weights", at node "conv\d" .*; nothing is written\n$`, errOut)
	stays()
	if runtime.GOOS == "windows" {
		t.Skip("no limit on the size of files")
	}
	// A limit on the size of files stands for a full disk: writing fails in the middle.
	c := exec.Command("/bin/sh", "-c", `ulimit -f 64; trap "" XFSZ; exec "$0" "$@"`, os.Args[0], "-test.run=^TestFullDisk$")
	c.Env = append(os.Environ(), "ONNXRUN_FULL_DISK="+old)
	out, err := c.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "exporter: write ")
	stays()
}

// TestFullDisk is the part of TestOldFileStays that cannot write.
func TestFullDisk(t *testing.T) {
	old := os.Getenv("ONNXRUN_FULL_DISK")
	if old == "" {
		t.Skip("run by TestOldFileStays")
	}
	code, _, errOut := run(t, "optimize", lenet, "-o", old, "-O1", "--force", "--time", "0")
	require.Equal(t, exitBad, code)
	os.Stdout.WriteString(errOut)
}

func TestVerify(t *testing.T) {
	in := model(t, stem)
	out := ok(t, "verify", in)
	require.Regexp(t, `(?m)^simplify +6 +0 +8 of 8$`, out)
	require.Regexp(t, `(?m)^as run +\d+ .* 8 of 8\nok on 8 random inputs: within the tolerance of 0.0001\n$`, out)
	code, out, _ := run(t, "verify", in, "--tolerance", "1e-15", "--on", "../../testdata")
	require.Equal(t, exitNo, code)
	require.Regexp(t, `\npass "affine-into-weights" leaves the tolerance of 1e-15 at node "conv\d" \(Conv\), value "\w+": output "y", element \[\d \d 0 0\] is off by `, out)
	code, out, _ = run(t, "verify", in, "--tolerance", "0")
	require.Equal(t, exitNo, code)
	require.Contains(t, out, "\npass \"affine-into-weights\" leaves the tolerance of 0 at node ")
	var v compress.Verification
	require.NoError(t, json.Unmarshal([]byte(ok(t, "verify", in, "--json", "-O1")), &v))
	require.Nil(t, v.Failure)
	require.Equal(t, compress.AsRun, v.Steps[len(v.Steps)-1].Pass)
	for want, args := range map[string][]string{
		"-O7: expects":                      {"-O7"},
		"--tolerance NaN: expects a number": {"--tolerance", "nan"},
		`pass "x": unknown`:                 {"--no-pass", "x"},
		"no such input":                     {"--shape", "x=1x2"},
		"no such file or directory":         {"--on", "none"},
	} {
		code, _, errOut := run(t, append([]string{"verify", in}, args...)...)
		require.Equal(t, exitBad, code)
		require.Contains(t, errOut, want)
	}
}

func TestDiff(t *testing.T) {
	a := model(t, stem)
	b := model(t, strings.Replace(stem, "%w2: float32[4,4,1,1] = const splat(0.3)", "%w2: float32[4,4,1,1] = const splat(-0.3)", 1))
	code, out, _ := run(t, "diff", a, b)
	require.Equal(t, exitNo, code)
	require.Regexp(t, `^on 8 random inputs: worst error \S+, \S+ of the greatest magnitude; top-1 agreement \S+ % \(\d of 8\)\nthey part at node "conv2" \(Conv\), value "d"\n$`, out)
	var d compress.Difference
	code, out, _ = run(t, "diff", a, b, "--json")
	require.Equal(t, exitNo, code)
	require.NoError(t, json.Unmarshal([]byte(out), &d))
	require.Equal(t, "conv2", d.First.Node)
	ok(t, "diff", a, b, "--tolerance", "1000")
	code, _, errOut := run(t, "diff", a, b, "--tolerance", "nan")
	require.Equal(t, exitBad, code)
	require.Contains(t, errOut, "--tolerance NaN: expects a number of 0 or more")
	code, _, errOut = run(t, "diff", a, lenet)
	require.Equal(t, exitBad, code)
	require.Contains(t, errOut, "second model: runtime: input \"image\": float32[1 3 16 16] does not fit")
}

func TestLabel(t *testing.T) {
	dir := t.TempDir()
	names, out := filepath.Join(dir, "names.txt"), filepath.Join(dir, "out.onnx")
	require.NoError(t, os.WriteFile(names, []byte("a\nb\nc\nd\n"), 0o666))
	in := model(t, stem)
	text := ok(t, "label", in, "--labels", names, "--preset", "imagenet", "--size", "20", "-o", out)
	require.Contains(t, text, "labels: 4, [a b c d]\n")
	require.Contains(t, text, "preprocessing: shorter side to 18 (bilinear), centre 16×16", "the model's input says the size")
	g, err := importer.Open(out)
	require.NoError(t, err)
	labels, _ := g.Meta(modelinfo.LabelsKey)
	require.Equal(t, `["a","b","c","d"]`, labels)
	code, _, errOut := run(t, out, seven)
	require.Zero(t, code)
	require.NotContains(t, errOut, "guess")
	var r map[string]any
	require.NoError(t, json.Unmarshal([]byte(ok(t, "label", in, "--labels", names, "-o", out, "--force", "--json")), &r))
	require.EqualValues(t, 4, r["labels"])
	for want, args := range map[string][]string{
		"label: give --labels, --preset or both":        {},
		`10 labels for output "y", which has 4 classes`: {"--labels", "digits", "--force"},
		"labels: ":             {"--labels", "none.txt", "--force"},
		`unknown preset "foo"`: {"--preset", "foo", "--force"},
	} {
		code, _, errOut := run(t, append([]string{"label", in, "-o", out}, args...)...)
		require.Equal(t, exitBad, code)
		require.Contains(t, errOut, want)
	}
}
