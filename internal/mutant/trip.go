// Package mutant attacks the road that a model takes: models are decoded, mutated in structure, and driven through import,
// passes, a run, export and import again. Nothing on it may panic, hang, take memory without bound, or change what is
// computed; that a mutant is refused is right.
package mutant

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"time"

	"github.com/onnxrun/onnxrun/exporter"
	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/passes"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
)

// Outcome is how far a model came.
type Outcome uint8

const (
	Refused  Outcome = iota // not imported
	Imported                // but not run: an input is too large, or it fails without any pass, too
	Ran                     // through all of it
)

func (o Outcome) String() string { return [...]string{"refused", "imported", "ran"}[o] }

// Finding is something that must not be.
type Finding struct{ Stage, Text string }

func (f *Finding) Error() string { return f.Stage + ": " + f.Text }

// Bounds of a trip.
const (
	maxMemory   = 64 << 20
	maxElements = 1 << 16 // of all inputs together
	maxTime     = 2 * time.Second
)

// Drive takes a model file through the whole road. The error is a *Finding.
func Drive(ctx context.Context, file []byte) (o Outcome, err error) {
	t := &trip{stage: "import"}
	defer func() {
		if v := recover(); v != nil {
			err = &Finding{t.stage, fmt.Sprintf("panic: %v\n%s", v, debug.Stack())}
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	return t.drive(ctx, file)
}

// trip is a model on its way.
type trip struct {
	stage string
	in    []*tensor.Tensor
	want  []*tensor.Tensor // without passes
	apart []*tensor.Tensor // the same for inputs that differ by rounding
}

func (t *trip) finding(format string, args ...any) error {
	return &Finding{t.stage, fmt.Sprintf(format, args...)}
}

// fault is a finding where an error says that there was a panic.
func (t *trip) fault(err error) error {
	if err != nil && strings.Contains(err.Error(), "internal fault") {
		return t.finding("%v", err)
	}
	return nil
}

func (t *trip) drive(ctx context.Context, file []byte) (Outcome, error) {
	if _, err := importer.CheckReader(bytes.NewReader(file)); t.fault(err) != nil {
		return Refused, t.fault(err)
	}
	g, err := importer.ReadBytes(file)
	if err != nil {
		return Refused, t.fault(err)
	}
	if err := ir.Verify(g); err != nil {
		return Refused, t.finding("what was imported is not a graph: %v", err)
	}
	seal := ir.NewSeal(g)
	o, err := t.travel(ctx, g)
	if err == nil {
		err = seal.Check()
	}
	return o, err
}

// travel takes a graph through passes, runs and files.
func (t *trip) travel(ctx context.Context, g *ir.Graph) (Outcome, error) {
	t.stage = "export"
	exported, err := t.again(g)
	if err != nil {
		return Imported, err
	}
	t.stage = "run without passes"
	ran, err := t.reference(ctx, g)
	if err != nil {
		return Imported, err
	}
	for _, level := range []passes.Level{passes.O1, passes.O2} {
		t.stage = "passes " + level.String()
		o := g.Clone()
		if _, err := passes.Optimize(ctx, o, passes.Options{Level: level, Debug: checked()}); err != nil {
			if err := t.refusal(ctx, err, ran); err != nil {
				return Imported, err
			}
			continue
		}
		if err := t.same(ctx, o, ran); err != nil {
			return Imported, err
		}
		t.stage = "export after passes " + level.String()
		again, err := t.again(o)
		if err != nil {
			return Imported, err
		}
		if again != nil {
			t.stage = "run of what was exported after passes " + level.String()
			if err := t.same(ctx, again, ran); err != nil {
				return Imported, err
			}
		}
	}
	if exported != nil {
		t.stage = "run of what was exported"
		if err := t.same(ctx, exported, ran); err != nil {
			return Imported, err
		}
	}
	if !ran {
		return Imported, nil
	}
	return Ran, nil
}

// checked has passes look at the graph and its constants after each of them.
func checked() *passes.Debug {
	d, err := passes.ParseDebug("check", nil)
	if err != nil {
		panic(err)
	}
	return d
}

// refusal says whether an error of what follows an import is a finding: where the graph runs without it, it is, but for
// limits of time and memory.
func (t *trip) refusal(ctx context.Context, err error, ran bool) error {
	var memory *runtime.MemoryError
	switch {
	case t.fault(err) != nil:
		return t.fault(err)
	case !ran || ctx.Err() != nil || errors.As(err, &memory) || errors.Is(err, ir.ErrUnsupported):
		return nil
	}
	return t.finding("%v", err)
}

// again writes a graph and reads it; nil where its opset cannot be written.
func (t *trip) again(g *ir.Graph) (*ir.Graph, error) {
	var file bytes.Buffer
	err := exporter.Write(&file, g, exporter.Options{})
	var opset *ir.OpsetError
	switch {
	case errors.As(err, &opset) || errors.Is(err, exporter.ErrTooLarge) || errors.Is(err, ir.ErrUnsupported):
		return nil, nil
	case err != nil:
		return nil, t.finding("%v", err)
	}
	back, err := importer.ReadBytes(file.Bytes())
	if err != nil {
		return nil, t.finding("what was written is refused: %v", err)
	}
	return back, nil
}

// reference runs the graph without passes, by the generic kernels, and reports whether that went well.
func (t *trip) reference(ctx context.Context, g *ir.Graph) (ran bool, err error) {
	if !t.inputs(g) {
		return false, nil
	}
	t.want, err = t.run(ctx, g, passes.O0, t.in, "generic")
	if err != nil {
		return false, t.fault(err)
	}
	if t.apart, err = t.run(ctx, g, passes.O0, nearby(t.in), "generic"); err != nil {
		return false, t.fault(err)
	}
	return true, nil
}

// same checks that a graph computes what the first one does.
func (t *trip) same(ctx context.Context, g *ir.Graph, ran bool) error {
	if len(t.in) != len(g.Inputs()) || !accept(g, t.in) {
		return nil // an input that nothing needs may be gone
	}
	got, err := t.run(ctx, g, passes.O2, t.in, "")
	if err != nil || !ran {
		return t.refusal(ctx, err, ran)
	}
	if text := differ(t.want, t.apart, got); text != "" {
		return t.finding("%s", text)
	}
	return nil
}

func (t *trip) run(ctx context.Context, g *ir.Graph, level passes.Level, in []*tensor.Tensor, kernels string) ([]*tensor.Tensor, error) {
	s, err := runtime.Compile(ctx, g, runtime.Options{Threads: 1, MaxMemory: maxMemory, Kernels: kernels, Passes: &passes.Options{Level: level}})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return s.Run(ctx, in...)
}

// inputs makes a tensor for each input, and reports whether all are small enough.
func (t *trip) inputs(g *ir.Graph) bool {
	rng, total := rand.New(rand.NewPCG(1, 1)), 0
	t.in = nil
	for _, v := range g.Inputs() {
		shape := make([]int, len(v.Type().Shape))
		for i, d := range v.Type().Shape {
			shape[i] = 2
			if d.IsKnown() {
				shape[i] = d.N
			}
		}
		n, err := tensor.Count(v.Type().DType, shape)
		if total += n; err != nil || total > maxElements {
			return false
		}
		t.in = append(t.in, draw(rng, v.Type().DType, shape))
	}
	return accept(g, t.in)
}

func accept(g *ir.Graph, in []*tensor.Tensor) bool {
	for i, v := range g.Inputs() {
		if !v.Type().Accepts(ir.TensorType(in[i])) {
			return false
		}
	}
	return true
}
