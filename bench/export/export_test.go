package main

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/onnxrun/onnxrun/passes"
)

// Small models of the zoo, or with $ONNXRUN_CASES all of its case folders, are the same once they are exported.
func TestExportedModelsAreTheSame(t *testing.T) {
	library := os.Getenv("ONNXRUNTIME_LIB")
	if library == "" {
		t.Skip("$ONNXRUNTIME_LIB does not name ONNX Runtime's shared library")
	}
	if err := initialize(library); err != nil {
		t.Fatal(err)
	}
	defer ort.DestroyEnvironment()
	c := &config{opsets: []int{0, 7, 9, 11, 13, 17, 24}, levels: []passes.Level{passes.O0, passes.O1, passes.O2}, tolerance: 1e-4}
	if check, err := newChecker("/usr/bin/python3"); err == nil {
		defer check.close()
		if _, err := check.file("."); !errors.Is(err, errNoChecker) {
			c.check = check
		} else {
			t.Log("no checker: /usr/bin/python3 has no package onnx (Debian's python3-onnx)")
		}
	}
	models := []string{"lenet5", "cuda-convnet", "squeezenet1_1", "shufflenet_v2", "mobilenet_v2"}
	if dir := os.Getenv("ONNXRUN_CASES"); dir != "" {
		cases, err := filepath.Glob(filepath.Join(dir, "*", "model.onnx"))
		if err != nil {
			t.Fatal(err)
		}
		models, c.opsets = append(models, cases...), []int{0, 13}
	}
	for _, m := range models {
		t.Run(filepath.Base(m), func(t *testing.T) {
			rows, err := c.prove(m)
			if err != nil || len(rows) == 0 {
				t.Fatalf("%d files: %v", len(rows), err)
			}
			for _, r := range rows {
				if r.failed(c.tolerance) {
					t.Error(r)
				}
			}
		})
	}
}

func TestRow(t *testing.T) {
	for _, c := range []struct {
		row    row
		failed bool
		text   string
	}{
		{row{model: "m", level: passes.O2, opset: 13, nodes: 7, distance: 1e-7}, false, "| m | O2 | 13 | 7 | passed | 1.0e-07 |"},
		{row{model: "m", opset: 13, nodes: 7, distance: 2}, true, "| m | O0 | 13 | 7 | passed | 2.0e+00 |"},
		{row{model: "m", opset: 13, nodes: 7, distance: math.NaN()}, true, "| m | O0 | 13 | 7 | passed | NaN |"},
		{row{model: "m", opset: 13, nodes: 7, err: errStrings}, true, "| m | O0 | 13 | 7 | | FAILED: strings are not run here |"},
	} {
		if c.row.failed(1) != c.failed || c.row.String() != c.text {
			t.Errorf("failed %v, %v; want %v, %v", c.row.failed(1), c.row, c.failed, c.text)
		}
	}
}
