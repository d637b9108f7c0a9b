package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/view"
)

func TestView(t *testing.T) {
	model, err := filepath.Abs(lenet)
	require.NoError(t, err)
	t.Chdir(t.TempDir())
	require.Equal(t, "lenet5.html\n", ok(t, "view", model))
	page, err := os.ReadFile("lenet5.html")
	require.NoError(t, err)
	require.True(t, string(page) == ok(t, "view", model, "-o", "-"))
	require.True(t, strings.HasPrefix(string(page), view.Marker))
	require.Equal(t, "lenet5-lenet5.html\n", ok(t, "view", model, model))

	require.NoError(t, os.WriteFile("notes.html", []byte("notes"), 0o644))
	code, _, errOut := run(t, "view", model, "-o", "notes.html")
	require.Equal(t, exitBad, code)
	require.Contains(t, errOut, "onnxrun: notes.html exists; --force overwrites it")
	notes, err := os.ReadFile("notes.html")
	require.NoError(t, err)
	require.Equal(t, "notes", string(notes))
	ok(t, "view", model, "-o", "notes.html", "--force")

	for want, args := range map[string][]string{
		"no such file": {"none.onnx"}, "accepts between 1 and 2": {}, "the model has no such input": {model, "--shape", "y=1x2", "--force"},
	} {
		code, out, errOut := run(t, append([]string{"view"}, args...)...)
		require.Equal(t, exitBad, code)
		require.Empty(t, out)
		require.Contains(t, errOut, want)
	}
}

func TestViewJSON(t *testing.T) {
	var m view.Model
	require.NoError(t, json.Unmarshal([]byte(ok(t, "view", lenet, "--json", "--profile", "--runs", "2", "--batch", "3")), &m))
	require.Equal(t, int64(61706), m.Parameters)
	require.Equal(t, int64(3*416520), m.MACs)
	require.Len(t, m.Nodes, 15)
	require.Equal(t, "float32 3×1×28×28", m.Nodes[0].Outputs[0].Type)
	require.NotEmpty(t, m.Nodes[1].Steps)
	require.Empty(t, m.Nodes[2].Steps) // the activation is part of the convolution
	sum := m.Elsewhere
	for _, n := range m.Nodes {
		sum += n.Micros
	}
	require.InEpsilon(t, m.Micros, sum, 1e-9)
	require.Zero(t, m.Elsewhere)

	var pair struct {
		Models     []view.Model
		Comparison view.Comparison
	}
	require.NoError(t, json.Unmarshal([]byte(ok(t, "view", lenet, lenet, "--json")), &pair))
	require.Len(t, pair.Models, 2)
	require.Equal(t, 13, pair.Comparison.Same)
	require.Zero(t, pair.Comparison.Changed+pair.Comparison.Removed+pair.Comparison.Added)
}
