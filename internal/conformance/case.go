// Package conformance runs ONNX backend-test cases: folders with a model.onnx and test_data_set_N folders of input_N.pb
// and output_N.pb.
package conformance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
)

// Status is the outcome of a case.
type Status uint8

const (
	Pass Status = iota
	Fail
	Skip // an operator or a type of the case is not supported
)

func (s Status) String() string { return [...]string{"pass", "fail", "skip"}[s] }

// Result is what running a case gave.
type Result struct {
	Name   string // the folder, relative to where the search began
	Status Status
	Reason string  // of a failure or skip
	Worst  float64 // the worst absolute error of all outputs
}

// Options say how cases are run.
type Options struct {
	Tolerance Tolerance
	Runtime   runtime.Options
}

// Find lists the case folders at or below root, sorted, relative to root.
func Find(root string) ([]string, error) {
	root, err := filepath.EvalSymlinks(root) // WalkDir does not follow one
	if err != nil {
		return nil, err
	}
	var cases []string
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() && d.Name() == "model.onnx" {
			rel, err := filepath.Rel(root, filepath.Dir(path))
			if err != nil {
				return err
			}
			cases = append(cases, filepath.ToSlash(rel))
		}
		return nil
	})
	slices.Sort(cases)
	return cases, err
}

// Run runs the case in dir.
func Run(ctx context.Context, dir, name string, opts Options) Result {
	worst, err := run(ctx, dir, opts)
	r := Result{Name: name, Worst: worst}
	switch {
	case err == nil:
	case errors.Is(err, importer.ErrUnsupported):
		r.Status, r.Reason = Skip, err.Error()
	default:
		r.Status, r.Reason = Fail, err.Error()
	}
	return r
}

func run(ctx context.Context, dir string, opts Options) (worst float64, err error) {
	g, err := importer.Open(filepath.Join(dir, "model.onnx"))
	if err != nil {
		return 0, err
	}
	s, err := runtime.Compile(g, opts.Runtime)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	sets, err := filepath.Glob(filepath.Join(dir, "test_data_set_*"))
	if err != nil {
		return 0, err
	}
	if len(sets) == 0 {
		return 0, fmt.Errorf("conformance: %s: no test_data_set_N folder", dir)
	}
	for _, set := range sets {
		w, err := runSet(ctx, s, set, opts.Tolerance)
		worst = max(worst, w)
		if err != nil {
			return worst, fmt.Errorf("%s: %w", filepath.Base(set), err)
		}
	}
	return worst, nil
}

func runSet(ctx context.Context, s *runtime.Session, set string, tol Tolerance) (worst float64, err error) {
	in, err := readTensors(set, "input", s.Inputs())
	if err != nil {
		return 0, err
	}
	want, err := readTensors(set, "output", s.Outputs())
	if err != nil {
		return 0, err
	}
	got, err := s.Run(ctx, in...)
	if err != nil {
		return 0, err
	}
	if len(want) != len(got) {
		return 0, fmt.Errorf("%d outputs, want %d", len(got), len(want))
	}
	for i := range got {
		w, cmp := Compare(got[i], want[i], tol)
		worst = max(worst, w)
		if cmp != nil && err == nil {
			err = fmt.Errorf("output %q: %w", s.Outputs()[i].Name(), cmp)
		}
	}
	return worst, err
}

// readTensors reads kind_0.pb, kind_1.pb … A file that names a value goes to its place; others stand in order.
func readTensors(set, kind string, values []*ir.Value) ([]*tensor.Tensor, error) {
	var out []*tensor.Tensor
	for i := 0; ; i++ {
		path := filepath.Join(set, fmt.Sprintf("%s_%d.pb", kind, i))
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			break
		}
		t, name, err := importer.ReadTensor(path)
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(values, func(v *ir.Value) bool { return v.Name() == name })
		if at < 0 {
			at = i
		}
		for len(out) <= at {
			out = append(out, nil)
		}
		out[at] = t
	}
	for i, t := range out {
		if t == nil {
			return nil, fmt.Errorf("%s %d is missing", kind, i)
		}
	}
	return out, nil
}

// Summary counts results and gives the line that ends a report.
func Summary(results []Result) (passed, failed, skipped int, line string) {
	for _, r := range results {
		switch r.Status {
		case Pass:
			passed++
		case Fail:
			failed++
		case Skip:
			skipped++
		}
	}
	return passed, failed, skipped, fmt.Sprintf("%d passed, %d failed, %d skipped", passed, failed, skipped)
}

// ParseManifest reads lines `pass NAME` and `skip NAME: reason`; # begins a comment.
func ParseManifest(text string) (map[string]Result, error) {
	m := map[string]Result{}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		name, reason, _ := strings.Cut(rest, ": ")
		r := Result{Name: name, Reason: reason}
		switch {
		case word == "skip" && reason != "":
			r.Status = Skip
		case word != "pass" || reason != "":
			return nil, fmt.Errorf("conformance: manifest line %d: %q", i+1, line)
		}
		if _, ok := m[name]; ok {
			return nil, fmt.Errorf("conformance: manifest line %d: %q is listed twice", i+1, name)
		}
		m[name] = r
	}
	return m, nil
}
