package conformance

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/passes"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
)

var (
	update = flag.Bool("update", false, "rewrite the manifest from what passes and is skipped now")
	folder = flag.String("cases", "", "a folder of exported models with their results, to run at every level")
)

const (
	suite    = "/usr/include/onnx/backend/test/data" // Debian's libonnx-testdata
	manifest = "../../testdata/conformance.txt"
	header   = `ONNX's backend cases, as Debian's libonnx-testdata has them (ONNX 1.12, opset 17): those that pass, and with a
reason each those that are skipped. A listed case that fails and an unlisted one fail the test.
Written by: go test ./internal/conformance -run Suite -update
`
)

func TestSuite(t *testing.T) {
	names, listed := cases(t)
	results := RunAll(context.Background(), suite, names, Options{Tolerance: DefaultTolerance})
	_, _, _, line := Summary(results)
	t.Log(line)
	if *update {
		require.NoError(t, os.WriteFile(manifest, []byte(FormatManifest(header, results)), 0o644))
		_, listed = cases(t)
	}
	for _, w := range Check(results, listed) {
		t.Error(w)
	}
	for _, kernels := range runtime.Kernels() {
		for _, strict := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, strict %v", kernels, strict), func(t *testing.T) {
				opts := Options{Tolerance: DefaultTolerance, Runtime: runtime.Options{Kernels: kernels, Strict: strict}}
				for _, w := range Check(RunAll(context.Background(), suite, names, opts), listed) {
					t.Error(w)
				}
			})
		}
	}
}

// What the passes do to a model changes no result: those for running are TestSuite's, here are the other levels. Graphs and steps
// are checked at every stage.
func TestSuiteAtLevels(t *testing.T) {
	names, listed := cases(t)
	check, err := passes.ParseDebug("check", io.Discard)
	require.NoError(t, err)
	for _, level := range []passes.Level{passes.O0, passes.O1} {
		t.Run(level.String(), func(t *testing.T) {
			opts := Options{Tolerance: DefaultTolerance, Runtime: runtime.Options{Passes: &passes.Options{Level: level, Debug: check}}}
			for _, w := range Check(RunAll(context.Background(), suite, names, opts), listed) {
				t.Error(w)
			}
		})
	}
}

// Exported models with the results of where they come from, a folder of cases that -cases names, pass at every level.
func TestModelsAtLevels(t *testing.T) {
	if *folder == "" {
		t.Skip("no folder of exported models is given (-cases)")
	}
	names, err := Find(*folder)
	require.NoError(t, err)
	require.NotEmpty(t, names)
	for _, level := range []passes.Level{passes.O0, passes.O1, passes.O2} {
		opts := Options{Tolerance: Tolerance{Rel: 1e-3, Abs: 1e-4}, Runtime: runtime.Options{Passes: &passes.Options{Level: level}}, AtOnce: 1}
		for _, name := range names {
			r := Run(context.Background(), filepath.Join(*folder, name), name, opts)
			require.Equal(t, Pass, r.Status, "%s at %v: %s", name, level, r.Reason)
		}
	}
}

// cases is the names of the suite's cases and what the manifest says of them.
func cases(t *testing.T) (names []string, listed map[string]Result) {
	names, err := Find(suite)
	if err != nil || len(names) == 0 {
		if os.Getenv("CI") != "" {
			t.Fatalf("%s: %v: CI needs Debian's libonnx-testdata", suite, err)
		}
		t.Skip("ONNX's backend cases are not installed (Debian's libonnx-testdata)")
	}
	text, err := os.ReadFile(manifest)
	require.NoError(t, err)
	listed, err = ParseManifest(string(text))
	require.NoError(t, err)
	return names, listed
}

func TestCheckFindsEveryDisagreement(t *testing.T) {
	listed, err := ParseManifest("# comment\npass a\npass b\nskip c: no reason is too small\npass gone\nskip e: was unsupported\n")
	require.NoError(t, err)
	wrong := Check([]Result{
		{Name: "a"}, {Name: "b", Status: Fail, Reason: "off"}, {Name: "c", Status: Skip}, {Name: "d"}, {Name: "e"},
	}, listed)
	require.Equal(t, []string{
		"b fails: off", "d is not in the manifest: pass ", "e is listed as skip, but: pass ",
		"gone is in the manifest, but there is no such case",
	}, wrong)
	for _, bad := range []string{"pass a\npass a", "skip x", "maybe x", "pass x: y"} {
		_, err := ParseManifest(bad)
		require.Error(t, err, bad)
	}
}

func TestCompare(t *testing.T) {
	tol := Tolerance{Rel: 1e-3, Abs: 1e-6}
	want := tensor.Vector[float32](1, 0, 1000)
	worst, err := Compare(tensor.Vector[float32](1.0005, 0, 1000.5), want, tol)
	require.NoError(t, err)
	require.InDelta(t, 0.5, worst, 1e-6)
	_, err = Compare(tensor.Vector[float32](1, 2e-6, 1000), want, tol)
	require.ErrorContains(t, err, "element [1]: got 1.99")
	_, err = Compare(tensor.Vector[float32](1, 0), want, tol)
	require.ErrorContains(t, err, "got float32[2], want float32[3]")
	_, err = Compare(tensor.Vector[int64](1, 3), tensor.Vector[int64](1, 2), tol)
	require.ErrorContains(t, err, "element [1] differs")
	nan := tensor.FromFloat32(tensor.Vector[float32](0), tensor.Float64)
	_, err = Compare(nan, tensor.Vector(0.0), tol)
	require.NoError(t, err)
}
