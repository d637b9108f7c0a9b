// Command report writes docs/conformance.md from ONNX's own cases and from folders of model cases:
//
//	go run ./internal/conformance/report [TITLE=DIR…]
//
// DIR is what ../shared/tools/export_zoo.py or testdata/export_light.py wrote.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/onnxrun/onnxrun/internal/conformance"
)

func main() {
	suites := []conformance.Suite{{Title: "ONNX's backend cases (ONNX 1.12, Debian's libonnx-testdata)", Command: "onnxrun test /usr/include/onnx/backend/test/data"}}
	run(&suites[0], "/usr/include/onnx/backend/test/data", conformance.DefaultTolerance, 0)
	for _, arg := range os.Args[1:] {
		title, dir, ok := strings.Cut(arg, "=")
		if !ok {
			log.Fatalf("report: %q: expects TITLE=DIR", arg)
		}
		s := conformance.Suite{Title: title, Command: "onnxrun test --rtol 1e-3 --atol 1e-4 " + filepath.Base(dir), Models: true}
		run(&s, dir, conformance.Tolerance{Rel: 1e-3, Abs: 1e-4}, 1)
		suites = append(suites, s)
	}
	if err := os.WriteFile("docs/conformance.md", []byte(conformance.Report(suites)), 0o644); err != nil {
		log.Fatal(err)
	}
}

// run fills in the results; atOnce cases run at once, 0 stands for as many as there are cores.
func run(s *conformance.Suite, dir string, tol conformance.Tolerance, atOnce int) {
	names, err := conformance.Find(dir)
	if err != nil {
		log.Fatal(err)
	}
	opts := conformance.Options{Tolerance: tol, AtOnce: atOnce}
	s.Results = conformance.RunAll(context.Background(), dir, names, opts)
	_, _, _, line := conformance.Summary(s.Results)
	fmt.Printf("%s: %s\n", s.Title, line)
}
