package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/exporter"
	"github.com/onnxrun/onnxrun/tensor"
)

// fromInput is a command line that reads standard input.
func fromInput(t *testing.T, in []byte, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	code = execute(context.Background(), args, bytes.NewReader(in), &o, &e)
	return code, o.String(), e.String()
}

func TestStandardInput(t *testing.T) {
	dir := t.TempDir()
	image, err := os.ReadFile(seven)
	require.NoError(t, err)
	model, err := os.ReadFile(lenet)
	require.NoError(t, err)
	x := npy(t, dir, tensor.New(tensor.Float32, 1, 1, 28, 28))
	array, err := os.ReadFile(x)
	require.NoError(t, err)
	pb := filepath.Join(dir, "x.pb")
	require.NoError(t, exporter.WriteTensor(pb, "x", tensor.New(tensor.Float32, 1, 1, 28, 28)))
	proto, err := os.ReadFile(pb)
	require.NoError(t, err)
	for _, c := range []struct {
		in   []byte
		want string
		args []string
	}{
		{model, "%  7\n", []string{"-", seven}},
		{image, "%  7\n", []string{lenet, "-"}},
		{image, "float32[1 84]", []string{"features", lenet, "-", "--layer", "F6", "-o", filepath.Join(dir, "f.npy")}},
		{[]byte("a\nb\nc\nd\ne\nf\ng\nsieben\ni\nj\n"), "sieben", []string{lenet, seven, "--labels", "-"}},
		{array, "prob.npy", []string{"run", lenet, "-i", "-", "-o", t.TempDir()}},
		{array, "prob.npy", []string{"run", lenet, "-i", "image=-", "-o", t.TempDir()}},
		{proto, "prob.npy", []string{"run", lenet, "-i", "image=-", "-o", t.TempDir()}},
	} {
		code, out, errOut := fromInput(t, c.in, c.args...)
		require.Zero(t, code, "%v: %s", c.args, errOut)
		require.Contains(t, out, c.want, c.args)
	}
	for want, args := range map[string][]string{
		"MODEL and IMAGE are both -":    {"-", "-"},
		"IMAGE and IMAGE are both -":    {lenet, "-", "-"},
		"MODEL and MODEL are both -":    {"diff", "-", "-"},
		"MODEL and -i are both -":       {"run", "-", "-i", "-", "-o", dir},
		"--labels and IMAGE are both -": {lenet, "-", "--labels", "-"},
	} {
		in := model
		if args[0] == lenet {
			in = image
		}
		if strings.HasPrefix(want, "--labels") {
			in = []byte("0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n")
		}
		code, _, errOut := fromInput(t, in, args...)
		require.Equal(t, exitBad, code)
		require.Contains(t, errOut, want)
	}
}

// failing cannot be written to.
type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// printing is a command line of each command that prints.
func printing(t *testing.T) (all [][]string) {
	all = [][]string{{"--help"}, {"help", "info"}, {"completion", "bash"}, {"optimize", "--list"}, {"view", lenet, "-o", "-"}}
	for _, more := range [][]string{nil, {"--json"}} {
		dir := t.TempDir()
		x := npy(t, dir, tensor.New(tensor.Float32, 1, 1, 28, 28))
		out := func(name string) string { return filepath.Join(dir, name) }
		for _, args := range [][]string{
			{lenet, seven}, {"info", lenet}, {"check", lenet}, {"run", lenet, "-i", x, "-o", out("r")}, {"test", "testdata/cases/right"},
			{"features", lenet, seven, "--layer", "F6", "-o", out("f.npy")}, {"new", "lenet5", "-o", out("n.onnx")},
			{"bench", lenet, "--time", "1ms"}, {"profile", lenet, "--runs", "1"}, {"eval", lenet, "../../testdata/digits.csv"},
			{"optimize", lenet, "-o", out("o.onnx"), "--time", "0"}, {"verify", lenet}, {"diff", lenet, lenet},
			{"label", lenet, "--labels", "digits", "-o", out("l.onnx")}, {"view", lenet, "-o", out("v.html")},
			{"finetune", lenet, "../../testdata/digits.csv", "-o", out("t.onnx"), "--epochs", "1", "--val-fraction", "0", "--batch", "5"},
		} {
			all = append(all, append(args, more...))
		}
	}
	return all
}

// Results that cannot be printed are an error, of every command; where nobody reads them, a quiet end.
func TestStandardOutputThatCannotBeWritten(t *testing.T) {
	full := errors.New("no space left on device")
	for _, args := range printing(t) {
		var errOut bytes.Buffer
		code := execute(context.Background(), args, strings.NewReader(""), failing{&os.PathError{Op: "write", Path: "/dev/stdout", Err: full}}, &errOut)
		require.Equal(t, exitBad, code, "%v: %s", args, errOut.String())
		require.True(t, strings.HasSuffix(errOut.String(), "onnxrun: standard output: no space left on device\n"), "%v: %s", args, errOut.String())
	}
}

// Notes that cannot be printed are no reason to stop.
func TestStandardErrorThatCannotBeWritten(t *testing.T) {
	var out bytes.Buffer
	require.Zero(t, execute(context.Background(), []string{lenet, seven}, strings.NewReader(""), &out, failing{io.ErrShortWrite}))
	require.Contains(t, out.String(), "%  7\n")
}

// Numbers that JSON lacks make no JSON that nobody can read.
func TestJSONOfWhatIsNotFinite(t *testing.T) {
	dir := t.TempDir()
	caseDir := filepath.Join(dir, "case")
	require.NoError(t, os.CopyFS(caseDir, os.DirFS("testdata/cases/right")))
	outputs, err := filepath.Glob(filepath.Join(caseDir, "test_data_set_0", "output_0.pb"))
	require.NoError(t, err)
	require.Len(t, outputs, 1)
	inf := tensor.Vector(float32(math.Inf(1)), float32(math.Inf(1)))
	require.NoError(t, exporter.WriteTensor(outputs[0], "y", inf))
	_, out, errOut := run(t, "test", dir, "--json")
	require.True(t, json.Valid([]byte(out)), "%s%s", out, errOut)
}
