package importer

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/onnxrun/onnxrun/internal/hostfile"
	"github.com/onnxrun/onnxrun/internal/mapped"
	"github.com/onnxrun/onnxrun/internal/plain"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Severity says whether a problem keeps a model from running.
type Severity uint8

const (
	Warning Severity = iota
	Fault
)

func (s Severity) String() string { return [...]string{"warning", "error"}[s] }

// Problem is one thing that is wrong with a model.
type Problem struct {
	Severity Severity
	Node     string // the node's name, empty where the problem is not at a node
	Op       string // the operator, with the problem's Node
	Err      error
}

// String is one line, of a bounded length.
func (p Problem) String() string { return p.Severity.String() + ": " + p.message() }

func (p Problem) message() string {
	if p.Node == "" && p.Op == "" {
		return plain.Text(p.Err.Error(), plain.Line)
	}
	return plain.Text(p.error().Error(), plain.Line)
}

func (p Problem) error() error {
	if p.Node == "" && p.Op == "" {
		return p.Err
	}
	var at *ir.Error
	if errors.As(p.Err, &at) { // it names its node itself
		return p.Err
	}
	return &ir.Error{Node: p.Node, Op: p.Op, Err: p.Err}
}

// UnknownOperatorError is an operator that the project does not have.
type UnknownOperatorError struct{ Op string }

func (e *UnknownOperatorError) Error() string {
	return "unknown operator " + plain.Text(e.Op, plain.Name)
}

// Unwrap makes errors.Is find ErrUnsupported.
func (e *UnknownOperatorError) Unwrap() error { return ErrUnsupported }

// maxListed bounds how many problems the text of an error lists.
const maxListed = 20

// ModelError is all faults of a model.
type ModelError struct{ Problems []Problem }

func (e *ModelError) Error() string {
	if len(e.Problems) == 1 {
		return e.Problems[0].message()
	}
	var lines []string
	for _, p := range e.Problems[:min(len(e.Problems), maxListed)] {
		lines = append(lines, p.message())
	}
	more := ""
	if n := len(e.Problems) - len(lines); n > 0 {
		more = fmt.Sprintf("\n  … and %d more", n)
	}
	return fmt.Sprintf("%d problems:\n  %s%s", len(e.Problems), strings.Join(lines, "\n  "), more)
}

// Unwrap lets errors.As reach each problem.
func (e *ModelError) Unwrap() []error {
	errs := make([]error, len(e.Problems))
	for i, p := range e.Problems {
		errs[i] = p.error()
	}
	return errs
}

// faults is the faults among problems as one error, nil if there are none. Unknown operators are what the reader needs
// to know first: where there are any, they alone are listed.
func faults(problems []Problem) error {
	var all, unknown []Problem
	for _, p := range problems {
		if p.Severity != Fault {
			continue
		}
		all = append(all, p)
		var u *UnknownOperatorError
		if errors.As(p.Err, &u) {
			unknown = append(unknown, p)
		}
	}
	if len(unknown) > 0 {
		all = unknown
	}
	if len(all) == 0 {
		return nil
	}
	return &ModelError{all}
}

// Check reports all that is wrong with a model file: every unsupported operator and attribute with its node, and, as
// warnings, weights that are not finite. err says that the file is not a model at all.
func Check(path string) ([]Problem, error) { return checked(load(path)) }

// CheckReader is Check for a model that Read would read.
func CheckReader(r io.Reader) ([]Problem, error) {
	data, err := hostfile.ReadAll(r, maxStream)
	if err != nil {
		return nil, fmt.Errorf("importer: %w", err)
	}
	return checked(decode(mapped.Memory(data), ""))
}

// checked adds the warnings to the problems that a model was read with.
func checked(g *ir.Graph, problems []Problem, err error) (_ []Problem, failed error) {
	if err != nil {
		return nil, plain.Error(fmt.Errorf("importer: %w", err))
	}
	if g == nil {
		return problems, nil
	}
	defer mapped.Of(g.Backing()).Guard(&failed)()
	return append(problems, weights(g)...), nil
}

// weights warns of constants that are not finite, those of bodies included. A scalar may be infinite: bounds are.
func weights(g *ir.Graph) []Problem {
	var list []Problem
	for _, v := range g.Values() {
		t := v.Const()
		if t == nil {
			continue
		}
		nan, inf := notFinite(t)
		if nan > 0 || inf > 0 && t.Rank() > 0 {
			list = append(list, Problem{Warning, "", "", fmt.Errorf("constant %q: %d elements are NaN and %d infinite", v.Name(), nan, inf)})
		}
	}
	for _, n := range g.Nodes() {
		for _, body := range ir.Bodies(n.Op) {
			for _, p := range weights(body) {
				list = append(list, Problem{p.Severity, n.Name, n.OpName(), p.Err})
			}
		}
	}
	return list
}

func notFinite(t *tensor.Tensor) (nan, inf int) {
	data, ok := t.AsFloat32()
	if !ok {
		return 0, 0
	}
	for _, v := range data {
		switch f := float64(v); {
		case math.IsNaN(f):
			nan++
		case math.IsInf(f, 0):
			inf++
		}
	}
	return nan, inf
}
