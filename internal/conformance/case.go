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
	Rewrite   func(*ir.Graph) (*ir.Graph, error) // of the model of a case before it runs, if not nil
	AtOnce    int                                // how many cases RunAll runs at once; 0 stands for as many as there are cores
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
		r.Status, r.Reason = Skip, reason(err)
	default:
		r.Status, r.Reason = Fail, err.Error()
	}
	return r
}

// reason is why a case is skipped: the operators that are unknown, or else the error itself.
func reason(err error) string {
	var model *importer.ModelError
	if !errors.As(err, &model) {
		return err.Error()
	}
	var names []string
	for _, p := range model.Problems {
		var unknown *importer.UnknownOperatorError
		if errors.As(p.Err, &unknown) {
			names = append(names, unknown.Op)
		}
	}
	slices.Sort(names)
	if names = slices.Compact(names); len(names) > 0 {
		return "operators " + strings.Join(names, ", ")
	}
	return model.Problems[0].String()
}

func run(ctx context.Context, dir string, opts Options) (worst float64, err error) {
	g, err := importer.Open(filepath.Join(dir, "model.onnx"))
	if err != nil {
		return 0, err
	}
	if opts.Rewrite != nil {
		if g, err = opts.Rewrite(g); err != nil {
			return 0, err
		}
	}
	sets, err := filepath.Glob(filepath.Join(dir, "test_data_set_*"))
	if err != nil {
		return 0, err
	}
	if len(sets) == 0 {
		return 0, fmt.Errorf("conformance: %s: no test_data_set_N folder", dir)
	}
	for _, set := range sets {
		w, err := runSet(ctx, g, set, opts)
		worst = max(worst, w)
		if err != nil {
			return worst, fmt.Errorf("%s: %w", filepath.Base(set), err)
		}
	}
	return worst, nil
}

func runSet(ctx context.Context, g *ir.Graph, set string, opts Options) (worst float64, err error) {
	in, err := readTensors(set, "input", g.Inputs())
	if err != nil {
		return 0, err
	}
	if g, err = fitInputs(g, in); err != nil {
		return 0, err
	}
	s, err := runtime.Compile(ctx, g, opts.Runtime)
	if err != nil {
		return 0, err
	}
	defer s.Close()
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
		w, cmp := Compare(got[i], want[i], opts.Tolerance)
		worst = max(worst, w)
		if cmp != nil && err == nil {
			err = fmt.Errorf("output %q: %w", s.Outputs()[i].Name(), cmp)
		}
	}
	return worst, err
}

// fitInputs gives the graph the shapes of the data where a model declares others, as some of ONNX's cases do.
func fitInputs(g *ir.Graph, in []*tensor.Tensor) (*ir.Graph, error) {
	fits := true
	for i, v := range g.Inputs() {
		fits = fits && i < len(in) && v.Type().Accepts(ir.TensorType(in[i]))
	}
	if fits || len(in) < len(g.Inputs()) {
		return g, nil
	}
	g = g.Clone()
	for i, v := range g.Inputs() {
		if v.Type().DType == in[i].DType() {
			if err := g.SetInputType(v, ir.TensorType(in[i])); err != nil {
				return nil, err
			}
		}
	}
	return g, g.InferAll()
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
		if at < len(values) && values[at].Type().DType == tensor.BFloat16 && t.DType() == tensor.Uint16 {
			// NumPy, which wrote the cases, has no bfloat16: they hold the bits.
			if t, err = tensor.FromBytes(tensor.BFloat16, t.Bytes(), t.Shape()...); err != nil {
				return nil, err
			}
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
