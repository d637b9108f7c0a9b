// Command export proves what package exporter writes: it imports models, optimizes them at every level, exports them at
// their own opset and at others, has ONNX's checker look at each file, and compares what ONNX Runtime computes of it with
// what it computes of the original. See ../README.md.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/onnxrun/onnxrun/passes"
	"github.com/onnxrun/onnxrun/zoo"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "export:", err)
		os.Exit(1)
	}
}

// config is what the flags say.
type config struct {
	opsets    []int // 0: the model's own
	levels    []passes.Level
	tolerance float64
	check     *checker // nil: no check
	quiet     bool     // print failures alone
}

func run() error {
	library := flag.String("ort", os.Getenv("ONNXRUNTIME_LIB"), "ONNX Runtime's shared library (default: $ONNXRUNTIME_LIB)")
	python := flag.String("python", "python3", "a Python with ONNX, for its checker; empty: no check")
	opsets := flag.String("opsets", "0,13", "opsets to write; 0 is the model's own")
	tolerance := flag.Float64("tolerance", 1e-4, "how far outputs may be apart, relative to the greatest of the original's")
	quiet := flag.Bool("q", false, "print only what fails, and the last line")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: export [-ort LIBRARY] [-python PYTHON] [-opsets 0,13] [-tolerance 1e-4] [-q] [MODEL.onnx|CASE|ARCHITECTURE…]\n"+
			"without arguments: the zoo, and every case folder below $ONNXRUN_CASES")
		flag.PrintDefaults()
	}
	flag.Parse()
	c := &config{tolerance: *tolerance, quiet: *quiet, levels: []passes.Level{passes.O0, passes.O1, passes.O2}}
	for _, s := range strings.Split(*opsets, ",") {
		n, err := strconv.Atoi(s)
		if err != nil {
			return fmt.Errorf("-opsets: %q is not a number", s)
		}
		c.opsets = append(c.opsets, n)
	}
	if err := initialize(*library); err != nil {
		return err
	}
	defer ort.DestroyEnvironment()
	if *python != "" {
		var err error
		if c.check, err = newChecker(*python); err != nil {
			return err
		}
		defer c.check.close()
	}
	args := flag.Args()
	if len(args) == 0 {
		args = everything()
	}
	return c.table(args)
}

func initialize(library string) error {
	if library == "" {
		return errors.New("-ort: where is ONNX Runtime's shared library? (npm install --ignore-scripts onnxruntime-node@1.30.0)")
	}
	ort.SetSharedLibraryPath(library)
	return ort.InitializeEnvironment()
}

// everything is the zoo and the case folders.
func everything() []string {
	list := zoo.Names()
	dir := os.Getenv("ONNXRUN_CASES")
	if dir == "" {
		fmt.Fprintln(os.Stderr, "export: the zoo alone: $ONNXRUN_CASES names no folder of cases (NAME/model.onnx)")
		return list
	}
	cases, _ := filepath.Glob(filepath.Join(dir, "*", "model.onnx"))
	slices.Sort(cases)
	return append(list, cases...)
}

// table prints a row for each model and each file written of it.
func (c *config) table(args []string) error {
	fmt.Printf("ONNX Runtime %s\n\n| model | level | opset | nodes | checker | error |\n|---|---|---|---|---|---|\n", ort.GetVersion())
	files, unchecked, failed, lacking, skipped := 0, 0, 0, 0, 0
	for _, arg := range args {
		rows, err := c.prove(arg)
		if errors.Is(err, errOriginal) {
			fmt.Printf("| %s | | | | | skipped: %v |\n", arg, err)
			skipped++
			continue
		}
		if err != nil {
			rows = append(rows, row{model: arg, err: err})
		}
		for _, r := range rows {
			if !c.quiet || r.failed(c.tolerance) {
				fmt.Println(r)
			}
			if r.lacking != nil {
				lacking++
				continue
			}
			files++
			if r.failed(c.tolerance) {
				failed++
			}
			if r.unchecked != "" {
				unchecked++
			}
		}
	}
	fmt.Printf("\n%d models (%d skipped), %d files, %d failed, %d newer than the checker, %d skipped\n",
		len(args), skipped, files, failed, unchecked, lacking)
	if failed > 0 {
		return fmt.Errorf("%d files failed", failed)
	}
	return nil
}

// row is one file.
type row struct {
	model        string
	level        passes.Level
	opset, nodes int
	unchecked    string // why the checker did not look
	lacking      error  // why the opset cannot express the model, or ONNX Runtime not run it
	distance     float64
	err          error
}

func (r row) failed(tolerance float64) bool { return r.err != nil || !(r.distance <= tolerance) }

func (r row) String() string {
	check := "passed"
	if r.unchecked != "" {
		check = r.unchecked
	}
	if r.lacking != nil {
		return fmt.Sprintf("| %s | O%d | %d %d | | skipped: %v |", r.model, r.level, r.opset, r.nodes, r.lacking)
	}
	if r.err != nil {
		return fmt.Sprintf("| %s | O%d | %d | %d | | FAILED: %v |", r.model, r.level, r.opset, r.nodes, r.err)
	}
	return fmt.Sprintf("| %s | O%d | %d | %d | %s | %.1e |", r.model, r.level, r.opset, r.nodes, check, r.distance)
}
