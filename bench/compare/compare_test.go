package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	ort "github.com/yalue/onnxruntime_go"
)

// Both runtimes agree on a small model, and a table comes of it.
func TestCompare(t *testing.T) {
	library := os.Getenv("ONNXRUNTIME_LIB")
	if library == "" {
		t.Skip("ONNXRUNTIME_LIB does not name ONNX Runtime's shared library")
	}
	ort.SetSharedLibraryPath(library)
	if err := ort.InitializeEnvironment(); err != nil {
		t.Fatal(err)
	}
	defer ort.DestroyEnvironment()
	c := config{models: []string{"lenet5", "lenet5@3"}, threads: []int{1}, duration: time.Millisecond, cache: t.TempDir()}
	rep, err := compareAll(&c)
	if err != nil {
		t.Fatal(err)
	}
	if err := rep.disagreement(); err != nil {
		t.Fatal(err)
	}
	if len(rep.Results) != 2 || rep.Results[1].Batch != 3 || rep.Results[0].ORT <= 0 {
		t.Fatalf("%+v", rep.Results)
	}
}

func TestDifference(t *testing.T) {
	if d := difference([]float32{1, 2}, []float32{1, 4}); d != 0.5 {
		t.Fatal(d)
	}
	if d := difference([]float32{0}, []float32{0}); d != 0 {
		t.Fatal(d)
	}
}

func TestSection(t *testing.T) {
	file := filepath.Join(t.TempDir(), "doc.md")
	if err := os.WriteFile(file, []byte("a\n<!-- x -->\nold\n<!-- end -->\nb\n<!-- y -->\n<!-- end -->\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := withSection(file, "x", "new\n")
	if want := "a\n<!-- x -->\nnew\n<!-- end -->\nb\n<!-- y -->\n<!-- end -->\n"; err != nil || got != want {
		t.Fatal(got, err)
	}
	if _, err := withSection(file, "z", "new"); err == nil {
		t.Fatal("no section z")
	}
}
