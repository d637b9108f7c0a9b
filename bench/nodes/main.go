// Command nodes prints a table of how many nodes models have as they are, after onnxrun's passes and after those of ONNX
// Runtime. See ../README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	ort "github.com/yalue/onnxruntime_go"

	"google.golang.org/protobuf/proto"

	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/importer/onnxpb"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/passes"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "nodes:", err)
		os.Exit(1)
	}
}

func run() error {
	library := flag.String("ort", os.Getenv("ONNXRUNTIME_LIB"), "ONNX Runtime's shared library (default: $ONNXRUNTIME_LIB)")
	kinds := flag.Bool("kinds", false, "print for each model the operators that are left, of both, in place of the table")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: nodes [-ort LIBRARY] [-kinds] MODEL.onnx|FOLDER…")
		flag.PrintDefaults()
	}
	flag.Parse()
	if *library == "" {
		return errors.New("-ort: where is ONNX Runtime's shared library? (npm install --ignore-scripts onnxruntime-node@1.30.0)")
	}
	ort.SetSharedLibraryPath(*library)
	if err := ort.InitializeEnvironment(); err != nil {
		return err
	}
	defer ort.DestroyEnvironment()
	if !*kinds {
		fmt.Printf("| model | file | -O1 | -O2 | -O2, batch of 1 | ONNX Runtime %s, extended | all |\n|---|---|---|---|---|---|---|\n", ort.GetVersion())
	}
	more := 0
	for _, arg := range flag.Args() {
		row, err := count(arg)
		if err != nil {
			return fmt.Errorf("%s: %w", arg, err)
		}
		if row.more() {
			more++
		}
		if *kinds {
			fmt.Printf("%s\n  ours   %s\n  theirs %s\n", row.model, tally(row.planned), tally(row.extended))
			continue
		}
		fmt.Printf("| %s | %d | %d | %d | %d | %d | %d |\n", row.model, row.file, row.exact, row.running, len(row.planned), len(row.extended), len(row.theirs))
	}
	if more > 0 {
		return fmt.Errorf("%d models have more nodes than in ONNX Runtime", more)
	}
	return nil
}

// row is the nodes of one model.
type row struct {
	model                string
	file, exact, running int
	planned              []string // operators, with a batch of 1
	extended, theirs     []string // ONNX Runtime's, before it chooses layouts and after
}

// more reports whether the passes leave more nodes than ONNX Runtime does, a fused node being one.
func (r *row) more() bool {
	return max(r.running, len(r.planned)) > min(len(r.extended), len(r.theirs))
}

func count(arg string) (*row, error) {
	path := arg
	if info, err := os.Stat(arg); err == nil && info.IsDir() {
		path = filepath.Join(arg, "model.onnx")
	}
	g, err := importer.Open(path)
	if err != nil {
		return nil, err
	}
	r := &row{model: strings.TrimSuffix(filepath.Base(arg), ".onnx"), file: len(g.Nodes())}
	optimized := func(g *ir.Graph, level passes.Level) ([]string, error) {
		g = g.Clone()
		_, err := passes.Optimize(context.Background(), g, passes.Options{Level: level})
		return operators(g), err
	}
	exact, err := optimized(g, passes.O1)
	if err != nil {
		return nil, err
	}
	running, err := optimized(g, passes.O2)
	if err != nil {
		return nil, err
	}
	r.exact, r.running = len(exact), len(running)
	for _, v := range g.Inputs() {
		t := v.Type()
		for d := range t.Shape {
			if !t.Shape[d].IsKnown() {
				t.Shape[d] = ir.Known(1)
			}
		}
		if err := g.SetInputType(v, t); err != nil {
			return nil, err
		}
	}
	if err := g.InferAll(); err != nil {
		return nil, err
	}
	if r.planned, err = optimized(g, passes.O2); err != nil {
		return nil, err
	}
	if r.extended, err = theirs(path, ort.GraphOptimizationLevelEnableExtended); err != nil {
		return nil, err
	}
	r.theirs, err = theirs(path, ort.GraphOptimizationLevelEnableAll)
	return r, err
}

// theirs is the operators that ONNX Runtime leaves at a level of optimization.
func theirs(path string, level ort.GraphOptimizationLevel) ([]string, error) {
	dir, err := os.MkdirTemp("", "nodes")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "optimized.onnx")
	options, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	defer options.Destroy()
	if err := options.SetGraphOptimizationLevel(level); err != nil {
		return nil, err
	}
	if err := options.SetOptimizedModelFilePath(out); err != nil {
		return nil, err
	}
	in, outs, err := ort.GetInputOutputInfo(path)
	if err != nil {
		return nil, err
	}
	s, err := ort.NewDynamicAdvancedSession(path, names(in), names(outs), options)
	if err != nil {
		return nil, err
	}
	defer s.Destroy()
	data, err := os.ReadFile(out)
	if err != nil {
		return nil, err
	}
	var model onnxpb.ModelProto
	if err := proto.Unmarshal(data, &model); err != nil {
		return nil, err
	}
	var list []string
	for _, n := range model.GetGraph().GetNode() {
		list = append(list, n.GetOpType())
	}
	return list, nil
}

func names(infos []ort.InputOutputInfo) []string {
	var list []string
	for _, i := range infos {
		list = append(list, i.Name)
	}
	return list
}

func operators(g *ir.Graph) []string {
	var list []string
	for _, n := range g.Nodes() {
		list = append(list, n.OpName())
	}
	return list
}

// tally is operators with how often they occur.
func tally(operators []string) string {
	times := map[string]int{}
	for _, op := range operators {
		times[op]++
	}
	parts := []string{fmt.Sprintf("%4d:", len(operators))}
	for _, op := range slices.Sorted(maps.Keys(times)) {
		parts = append(parts, fmt.Sprintf("%d %s", times[op], op))
	}
	return strings.Join(parts, ", ")
}
