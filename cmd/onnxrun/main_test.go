package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/tensor"
)

const (
	lenet = "../../testdata/lenet5.onnx"
	seven = "../../testdata/seven.png"
)

// run is a command line: its exit code and what it printed.
func run(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	code = execute(context.Background(), args, strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

func ok(t *testing.T, args ...string) string {
	t.Helper()
	code, out, errOut := run(t, args...)
	require.Zero(t, code, "%s%s", out, errOut)
	return out
}

func TestClassify(t *testing.T) {
	first, _, _ := strings.Cut(ok(t, lenet, seven), "\n")
	require.Regexp(t, `^ 9\d\.\d{3} %  7$`, first)
	out := ok(t, lenet, seven, "../../testdata/two.png", "--top", "1")
	require.Contains(t, out, seven+"\n")
	require.Equal(t, 4, strings.Count(out, "\n"))
	var answers []classified
	require.NoError(t, json.Unmarshal([]byte(ok(t, lenet, seven, "--json", "--threads", "1")), &answers))
	require.Equal(t, "7", answers[0].Predictions[0].Label)
	require.Greater(t, answers[0].Predictions[0].Probability, float32(0.9))
}

func TestClassifyFlags(t *testing.T) {
	labels := filepath.Join(t.TempDir(), "labels.txt")
	require.NoError(t, os.WriteFile(labels, []byte("a\nb\nc\nd\ne\nf\ng\nsieben\n"), 0o644))
	require.Contains(t, ok(t, lenet, seven, "--labels", labels), "sieben")
	require.Contains(t, ok(t, lenet, seven, "--mean", "0.1307", "--std", "0.3081", "--size", "28", "--preset", "mnist"), "7")
	for want, args := range map[string][]string{
		"expects N or W,H":         {"--size", "1,2,3"},
		"std: unsupported value":   {"--std", "0"},
		`unknown preset "foo"`:     {"--preset", "foo"},
		"must be at least 1":       {"--top", "0"},
		"labels: ":                 {"--labels", "none.txt"},
		"unknown flag: --nonsense": {"--nonsense"},
	} {
		code, out, errOut := run(t, append([]string{lenet, seven}, args...)...)
		require.Equal(t, exitBad, code)
		require.Empty(t, out)
		require.Contains(t, errOut, want)
	}
}

func TestBadInput(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	model, err := os.ReadFile(lenet)
	require.NoError(t, err)
	empty, text, jpeg := write("empty.onnx", ""), write("text.onnx", "hello, world, this is no model"), write("j.onnx", "\xff\xd8\xff\xe0 JFIF")
	cut := write("cut.onnx", string(model[:len(model)/2]))
	png, err := os.ReadFile(seven)
	require.NoError(t, err)
	cutImage, noImage := write("cut.png", string(png[:len(png)/2])), write("no.png", "no image")
	for want, args := range map[string][]string{
		"the file is empty":                                                           {"info", empty},
		"not an ONNX model but a text file":                                           {"info", text},
		"not an ONNX model but a JPEG image":                                          {"info", jpeg},
		"or a damaged one: not a protobuf message":                                    {"check", cut},
		"argument 1 is empty, expects a name":                                         {"check", ""},
		"--output is empty, expects a name":                                           {"new", "lenet5", "-o", ""},
		"--threads -3: expects a number from 0 to 1024":                               {"bench", lenet, "--threads", "-3"},
		"--threads 2000000000: expects a number from 0 to 1024":                       {"bench", lenet, "--threads", "2000000000"},
		"--runs 0: expects a number from 1 to 2147483647":                             {"profile", lenet, "--runs", "0"},
		"--time -1s: expects no negative time":                                        {"bench", lenet, "--time", "-1s"},
		"no such file":                                                                {"info", "none.onnx"},
		"a damaged PNG image":                                                         {lenet, cutImage},
		"not an image of a kind that is known":                                        {lenet, noImage},
		`vision: "none.png": no such file`:                                            {lenet, "none.png"},
		"which image? usage: onnxrun MODEL IMAGE…":                                    {lenet},
		`unknown command or missing file "nonsense"`:                                  {"nonsense"},
		`input "images": not found; nearest: "image"`:                                 {"run", lenet, "-i", "images=" + npy(t, dir, tensor.New(tensor.Float32, 1)), "-o", dir},
		"float32[1 2] does not fit float32[N,1,28":                                    {"run", lenet, "-i", npy(t, dir, tensor.New(tensor.Float32, 1, 2)), "-o", dir},
		"float64[1 1 28 28] does not fit":                                             {"run", lenet, "-i", npy(t, dir, tensor.New(tensor.Float64, 1, 1, 28, 28)), "-o", dir},
		`input "image": is missing`:                                                   {"run", lenet, "-o", dir},
		`unknown kind of file ".png"`:                                                 {"run", lenet, "-i", seven, "-o", dir},
		`required flag(s) "output" not set`:                                           {"run", lenet},
		"no folder with a model.onnx":                                                 {"test", dir},
		`layer "C9": not found; nearest: "C`:                                          {"features", lenet, seven, "--layer", "C9", "-o", filepath.Join(dir, "x.npy")},
		"unknown architecture":                                                        {"new", "lenet6", "-o", filepath.Join(dir, "x.onnx")},
		"opset 6 cannot be written, choose one from 7":                                {"new", "lenet5", "-o", filepath.Join(dir, "x.onnx"), "--opset", "6"},
		`(Gelu): the operator of its part Erf needs opset 9 or newer, 8 is asked for`: {"new", "vit_b_16", "-o", filepath.Join(dir, "x.onnx"), "--opset", "8"},
		`no/x.onnx": there is no folder "`:                                            {"new", "lenet5", "-o", filepath.Join(dir, "no", "x.onnx")},
	} {
		code, out, errOut := run(t, args...)
		require.Equal(t, exitBad, code, "%v: %s", args, errOut)
		require.Empty(t, out, args)
		require.Contains(t, errOut, want, "%v", args)
	}
	require.NoFileExists(t, filepath.Join(dir, "x.npy"))
	require.NoFileExists(t, filepath.Join(dir, "x.onnx"))
}

func npy(t *testing.T, dir string, x *tensor.Tensor) string {
	f, err := os.CreateTemp(dir, "*.npy")
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, tensor.WriteNPY(f, x))
	return f.Name()
}

func TestInfo(t *testing.T) {
	out := ok(t, "info", lenet)
	for _, want := range []string{"parameters  61,706", "input       image: float32[N×1×28×28]", "C3          Conv"} {
		require.Contains(t, out, want)
	}
	var info map[string]any
	require.NoError(t, json.Unmarshal([]byte(ok(t, "info", lenet, "--json")), &info))
	require.EqualValues(t, 61706, info["parameters"])
	require.EqualValues(t, 416520, info["macs"])
}

func TestModelFromStandardInput(t *testing.T) {
	f, err := os.Open(lenet)
	require.NoError(t, err)
	defer f.Close()
	var out, errOut bytes.Buffer
	require.Zero(t, execute(context.Background(), []string{"-", seven}, f, &out, &errOut), errOut.String())
	require.Contains(t, out.String(), "%  7\n")
}

func TestCheck(t *testing.T) {
	require.Equal(t, "ok\n", ok(t, "check", lenet))
	require.JSONEq(t, `{"ok":true,"problems":[]}`, ok(t, "check", lenet, "--json"))
}

func TestRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	in := npy(t, t.TempDir(), tensor.New(tensor.Float32, 2, 1, 28, 28))
	require.Contains(t, ok(t, "run", lenet, "-i", "image="+in, "-o", dir), "prob.npy  float32[2 10]")
	f, err := os.Open(filepath.Join(dir, "prob.npy"))
	require.NoError(t, err)
	defer f.Close()
	x, err := tensor.ReadNPY(f)
	require.NoError(t, err)
	require.Equal(t, []int{2, 10}, x.Shape())
}

func TestFeatures(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f6.csv")
	require.Equal(t, path+"  float32[1 84]\n", ok(t, "features", lenet, seven, "--layer", "F6", "-o", path))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(string(text), "\n"))
}

func TestNew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.onnx")
	require.Equal(t, path+"  61,706 parameters, 416,520 MACs\n", ok(t, "new", "lenet5", "-o", path))
	require.Contains(t, ok(t, path, seven), "%")
	require.Contains(t, ok(t, "new", "--help"), "cuda-convnet")
	require.Contains(t, ok(t, "info", path), "(opset 21)")
	ok(t, "new", "lenet5", "-o", path, "--force", "--opset", "7", "--external-data")
	require.Contains(t, ok(t, "info", path), "(opset 7)")
	require.FileExists(t, path+".data")
	require.Contains(t, ok(t, path, seven), "%")
}

// A case whose answer is wrong fails, and an operator that is unknown is a skip.
func TestTestCommand(t *testing.T) {
	code, out, _ := run(t, "test", "testdata/cases")
	require.Equal(t, exitNo, code)
	require.Contains(t, out, "fail wrong: test_data_set_0: output \"y\": element [1]: got 2, want 3\n")
	require.Contains(t, out, "skip unknown: operators Foo\n")
	require.True(t, strings.HasSuffix(out, "\n1 passed, 1 failed, 1 skipped\n"), out)
}

func TestHelp(t *testing.T) {
	out := ok(t)
	for _, want := range []string{"onnxrun MODEL IMAGE…", "features", "--threads"} {
		require.Contains(t, out, want)
	}
}
