package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/exporter"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// Errors of the libraries name no flags and no commands; here they end in what a person can do.
func TestHints(t *testing.T) {
	dir := t.TempDir()
	model := func(name, text string) string {
		g, err := ir.Parse(text, ops.Lookup)
		require.NoError(t, err)
		path := filepath.Join(dir, name+".onnx")
		require.NoError(t, exporter.WriteFile(g, path, exporter.Options{}))
		return path
	}
	vector := model("vector", `graph "vector" opset 21 (%x: float32[2,3]) -> (%y) { %y = Relu(%x) "r" }`)
	open := model("open", `graph "open" opset 21 (%x: float32[1,3,H,8]) -> (%y) { %y = Relu(%x) "r" }`)
	nan := model("nan", `graph "nan" opset 21 (%x: float32[N,1,28,28]) -> (%y) {
  %f = Flatten(%x) "flat"
  %z = Sub(%f, %f) "zero"
  %y = Div(%z, %z) "nan"
}`)
	three := model("three", `graph "three" opset 21 (%x: float32[N,3,1,1]) -> (%y) { %y = Flatten(%x) "flat" }`)
	seven := "../../testdata/seven.png"
	image, err := os.ReadFile(seven)
	require.NoError(t, err)
	for _, class := range []string{"a", "b"} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "data", class), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "data", class, "1.png"), image, 0o644))
	}
	for want, args := range map[string][]string{
		"its inputs are %x: float32[2,3]; run it with tensors instead (onnxrun run)\n": {vector, seven},
		"give its shape (--shape)\n":                                                     {"bench", open},
		"the scores are not numbers (NaN); see onnxrun check\n":                          {nan, seven},
		"the model has 3, whose names are not known: name them (--labels)\n":             {"eval", three, filepath.Join(dir, "data")},
		"preprocessing is a guess (preset unit, by the input's shape; --preset chooses ": {three, seven},
	} {
		code, _, errOut := run(t, args...)
		require.Contains(t, errOut, want)
		require.Equal(t, want[0] != 'p', code == exitBad, errOut)
	}
}
