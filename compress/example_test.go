package compress_test

import (
	"context"
	"fmt"
	"log"

	"github.com/onnxrun/onnxrun/compress"
	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/passes"
	"github.com/onnxrun/onnxrun/tensor"
)

// A model made ready to run, and the proof on random input that it is the same; exporter.WriteFile writes it.
func ExampleOptimize() {
	g, err := importer.Open("../testdata/lenet5.onnx")
	if err != nil {
		log.Fatal(err)
	}
	input, err := compress.RandomInputs(g.Inputs(), 16, nil, 1)
	if err != nil {
		log.Fatal(err)
	}
	_, report, err := compress.Optimize(context.Background(), g, compress.Options{
		Level:  passes.O2,
		Verify: [][]*tensor.Tensor{input},
	})
	if err != nil { // a *compress.VerificationError where the results differ
		log.Fatal(err)
	}
	fmt.Println("nodes:", report.Before.Nodes, "→", report.After.Nodes)
	fmt.Println("same answers:", report.Verification.Agree, "of", report.Verification.Rows)
	// Output:
	// nodes: 13 → 9
	// same answers: 16 of 16
}
