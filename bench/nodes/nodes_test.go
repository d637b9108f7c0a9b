package main

import (
	"os"
	"path/filepath"
	"testing"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/onnxrun/onnxrun/exporter"
	"github.com/onnxrun/onnxrun/zoo"
)

// After the passes a model has no more nodes than ONNX Runtime leaves it.
func TestCount(t *testing.T) {
	library := os.Getenv("ONNXRUNTIME_LIB")
	if library == "" {
		t.Skip("ONNXRUNTIME_LIB does not name ONNX Runtime's shared library")
	}
	ort.SetSharedLibraryPath(library)
	if err := ort.InitializeEnvironment(); err != nil {
		t.Fatal(err)
	}
	defer ort.DestroyEnvironment()
	for _, name := range []string{"lenet5", "mobilenet_v2", "shufflenet_v2"} {
		g, err := zoo.Build(name, zoo.Options{})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), name+".onnx")
		if err := exporter.WriteFile(g, path, exporter.Options{}); err != nil {
			t.Fatal(err)
		}
		r, err := count(path)
		if err != nil {
			t.Fatal(err)
		}
		if r.model != name || r.file != len(g.Nodes()) || len(r.extended) == 0 || r.more() {
			t.Errorf("%s: %d nodes, %d after all passes, ONNX Runtime %d and %d", r.model, r.file, len(r.planned), len(r.extended), len(r.theirs))
		}
	}
}

func TestTally(t *testing.T) {
	if got, want := tally([]string{"Relu", "Conv", "Relu"}), "   3:, 1 Conv, 2 Relu"; got != want {
		t.Errorf("%q", got)
	}
}
