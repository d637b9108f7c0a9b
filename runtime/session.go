// Package runtime executes graphs. Compile takes the decisions that do not depend on input shapes; the first Run of each
// set of shapes makes a plan (types, memory, kernels), which later Runs of the same shapes use again.
package runtime

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"os"
	goruntime "runtime"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/internal/mapped"
	"github.com/onnxrun/onnxrun/internal/plain"
	"github.com/onnxrun/onnxrun/internal/suggest"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/passes"
	"github.com/onnxrun/onnxrun/tensor"
)

// Options say how a graph is run. The zero value is right for most.
type Options struct {
	// Threads is how many goroutines compute at once in one Run; 0 stands for GOMAXPROCS, and MaxThreads is the most.
	Threads int
	// Outputs are the names of the values to compute, of any node; nothing beyond them is computed. Empty stands for the
	// graph's outputs.
	Outputs []string
	// MaxMemory bounds the bytes of intermediate results; 0 stands for DefaultMaxMemory. One Run takes no more, or fails. The
	// arrays of known sizes of all Runs that go on together, and what is kept of them for later Runs, take no more either: a Run
	// waits until there is room. Values of unknown size, and what bodies of If, Loop and Scan compute, count for their Run alone.
	MaxMemory int
	// Kernels names the set of kernels: "generic", "amd64-avx2", "amd64-avx512" or "arm64-neon"; empty stands for the
	// environment variable ONNXRUN_KERNELS or, without that, the best that the machine has.
	Kernels string
	// Strict excludes algorithms that reassociate more than a matrix product does: Winograd's convolution. Without it, too,
	// a NaN or an infinity among a convolution's inputs reaches no output that the definition does not let it reach, and the
	// others near it are as with Strict; but where weights come with each Run, as in training, it makes NaN of the tile of
	// outputs around it, up to 4×4, and gradients by weights are NaN where any term is. Rounding is relative to the greatest
	// number of a tile and the window around it: near one that is many powers of ten greater, small ones are lost.
	Strict bool
	// Tune measures the algorithms of each convolution when a plan is made, in place of estimating them, and keeps the
	// results in this folder, created if needed; see TuneDir. Empty: they are estimated.
	Tune string
	// InPlace names outputs, and for each of them the input whose tensor it overwrites: parameters and the optimizer's state.
	// A Run then changes the tensors handed in for these inputs, which must be writable and no one else's meanwhile, and
	// returns them as the outputs. Only for what an update operator (ops.Momentum, ops.Adam) or the running statistics of a
	// ops.BatchNormalization make of that input, where no node after it reads the input: anything else is an error.
	// After a Run that fails they may be changed in part.
	InPlace map[string]string
	// Passes say how the graph is optimized; nil stands for all that is good for running, passes.O2. They run when the session
	// is compiled and for each plan, one graph at a time.
	Passes *passes.Options
	// Pool computes for several sessions; nil stands for a pool of the session's own.
	Pool *Pool
	// Weights keeps packed weights for several sessions of one graph, whose constants never change; nil stands for the session's
	// own, which its plans share.
	Weights *Weights
}

// Weights is weights in the forms that kernels want, each once for all sessions that have it in their Options.
type Weights struct{ packs kernel.Packs }

// kernelsVariable is the environment variable behind Options.Kernels.
const kernelsVariable = "ONNXRUN_KERNELS"

// DefaultMaxMemory is the bound on intermediate results where Options gives none.
const DefaultMaxMemory = math.MaxInt32 * (1 + 3*(math.MaxInt>>62)) // 2 GiB where int has 32 bits, else 8 GiB

// maxPlans bounds how many plans a session keeps.
const maxPlans = 8

// Session runs one graph. It is safe for concurrent use.
type Session struct {
	graph *ir.Graph
	opts  Options
	pool  *Pool
	set   *kernel.Set
	tuner *tuner // nil: none
	files mapped.Files
	close func() // nil: the pool is not the session's

	mu     sync.Mutex
	plans  []*plan // most recently used first
	memory memory
	making flights[string, *plan]

	passing sync.Mutex // Options.Passes are used by one goroutine at a time
}

// Compile makes a session of a graph, which it does not change and which must not change afterwards. ctx bounds the
// compiling alone.
func Compile(ctx context.Context, g *ir.Graph, opts Options) (*Session, error) {
	if opts.Threads = min(opts.Threads, MaxThreads); opts.Threads <= 0 {
		opts.Threads = goruntime.GOMAXPROCS(0)
	}
	if opts.MaxMemory <= 0 {
		opts.MaxMemory = DefaultMaxMemory
	}
	opts.MaxMemory = min(opts.MaxMemory, math.MaxInt/64) // so that sums of a few sizes are sizes
	if opts.Pool == nil {
		pool := NewPool(opts.Threads)
		s, err := compile(ctx, g, opts, pool)
		if err != nil {
			pool.Close()
			return nil, err
		}
		s.close = pool.Close
		return s, nil
	}
	return compile(ctx, g, opts, opts.Pool)
}

func compile(ctx context.Context, g *ir.Graph, opts Options, p *Pool) (*Session, error) {
	return compileIn(ctx, g, opts, p, mapped.Of(g.Backing()))
}

// compileIn is compile for a graph whose constants lie in files, those of a body in its model's.
func compileIn(ctx context.Context, g *ir.Graph, opts Options, p *Pool, files mapped.Files) (s *Session, err error) {
	if opts.Weights == nil {
		opts.Weights = &Weights{}
	}
	s = &Session{opts: opts, pool: p, files: files}
	defer s.recover(debug.SetPanicOnFault(true), &err)
	if len(opts.Outputs) > 0 {
		outs := make([]*ir.Value, len(opts.Outputs))
		for i, name := range opts.Outputs {
			if outs[i] = g.Value(name); outs[i] == nil {
				return nil, &NameError{What: "value", Name: name, Known: valueNames(g.Values())}
			}
		}
		g = g.Extract(outs...)
	} else {
		g = g.Clone()
	}
	set, err := kernel.ParseSet(cmp.Or(opts.Kernels, os.Getenv(kernelsVariable)))
	if err != nil {
		return nil, fmt.Errorf("runtime: %w", err)
	}
	s.graph, s.set = g, set
	if opts.Tune != "" {
		s.tuner = newTuner(opts.Tune, g, s.set)
	}
	if err := s.optimize(ctx, g); err != nil {
		return nil, err
	}
	if _, err := replacements(g, opts.InPlace); err != nil {
		return nil, err
	}
	return s, s.unchanged()
}

// unchanged is an error where a file that constants lie in is not what it was.
func (s *Session) unchanged() error {
	if err := s.files.Check(); err != nil {
		return fmt.Errorf("runtime: %w", err)
	}
	return nil
}

// optimize applies the passes of the options.
func (s *Session) optimize(ctx context.Context, g *ir.Graph) error {
	opts := passes.Options{Level: passes.O2}
	if s.opts.Passes != nil {
		opts = *s.opts.Passes
		s.passing.Lock()
		defer s.passing.Unlock()
	}
	_, err := passes.Optimize(ctx, g, opts)
	if err != nil && err == ctx.Err() {
		return err
	}
	if err != nil {
		return fmt.Errorf("runtime: %w", err)
	}
	return nil
}

// Close ends the session's goroutines, unless they are of Options.Pool. It is optional: they also end when the session becomes garbage. The session is
// not to be used afterwards.
func (s *Session) Close() {
	if s.close != nil {
		s.close()
	}
}

// Inputs are the values that Run takes, in order; constants are not among them.
func (s *Session) Inputs() []*ir.Value { return s.graph.Inputs() }

// Outputs are the values that Run returns, in order.
func (s *Session) Outputs() []*ir.Value { return s.graph.Outputs() }

// Run computes the outputs from the inputs, both in the order of Inputs and Outputs. The results are the caller's.
func (s *Session) Run(ctx context.Context, inputs ...*tensor.Tensor) ([]*tensor.Tensor, error) {
	out := make([]*tensor.Tensor, len(s.graph.Outputs()))
	if err := s.RunInto(ctx, inputs, out); err != nil {
		return nil, err
	}
	return out, nil
}

// RunInto is Run with the caller's slice of results. A result that is already a tensor of the right type and shape is
// overwritten, others are replaced: a caller that hands in the tensors of the Run before allocates nothing.
func (s *Session) RunInto(ctx context.Context, inputs, outputs []*tensor.Tensor) error {
	return s.runWithin(ctx, s.opts.MaxMemory, inputs, outputs)
}

// runWithin is RunInto for a Run that may take limit bytes.
func (s *Session) runWithin(ctx context.Context, limit int, inputs, outputs []*tensor.Tensor) (err error) {
	defer s.recover(debug.SetPanicOnFault(true), &err)
	if len(outputs) != len(s.graph.Outputs()) {
		return fmt.Errorf("runtime: %d places for outputs, the graph has %d", len(outputs), len(s.graph.Outputs()))
	}
	if err := s.checkInputs(inputs); err != nil {
		return err
	}
	p, err := s.planFor(ctx, inputs)
	if err != nil {
		return err
	}
	if err := p.run(ctx, limit, inputs, outputs); err != nil {
		return err
	}
	return s.unchanged()
}

// RunNamed is Run with inputs and outputs by name.
func (s *Session) RunNamed(ctx context.Context, inputs map[string]*tensor.Tensor) (map[string]*tensor.Tensor, error) {
	in := make([]*tensor.Tensor, len(s.graph.Inputs()))
	for i, v := range s.graph.Inputs() {
		in[i] = inputs[v.Name()]
	}
	for name := range inputs {
		if v := s.graph.Value(name); v == nil || v.Def() != nil || v.Const() != nil {
			return nil, &NameError{What: "input", Name: name, Known: valueNames(s.graph.Inputs())}
		}
	}
	out, err := s.Run(ctx, in...)
	if err != nil {
		return nil, err
	}
	named := make(map[string]*tensor.Tensor, len(out))
	for i, v := range s.graph.Outputs() {
		named[v.Name()] = out[i]
	}
	return named, nil
}

// NameError is a name that the graph does not have.
type NameError struct {
	What, Name string
	Known      []string
}

func (e *NameError) Error() string {
	return fmt.Sprintf("runtime: %s %s: not found%s", e.What, plain.Quote(e.Name, plain.Name), suggest.Nearest(e.Name, e.Known))
}

// InputError is an input that is missing or does not fit the graph.
type InputError struct {
	Name string
	Msg  string
}

func (e *InputError) Error() string {
	return "runtime: input " + plain.Quote(e.Name, plain.Name) + ": " + plain.Text(e.Msg, plain.Line)
}

func (s *Session) checkInputs(inputs []*tensor.Tensor) error {
	want := s.graph.Inputs()
	if len(inputs) > len(want) {
		return fmt.Errorf("runtime: %d inputs given, the graph has %d: %s", len(inputs), len(want), plain.List(valueNames(want), 8))
	}
	for i, v := range want {
		switch t := v.Type(); {
		case i >= len(inputs) || inputs[i] == nil:
			return &InputError{v.Name(), fmt.Sprintf("is missing, expects %v", t)}
		case !accepts(t, inputs[i]):
			return &InputError{v.Name(), fmt.Sprintf("%v does not fit %v", inputs[i], t)}
		}
	}
	return nil
}

// accepts is t.Accepts without allocating.
func accepts(t ir.Type, x *tensor.Tensor) bool {
	if t.DType != x.DType() || t.Shape != nil && len(t.Shape) != x.Rank() {
		return false
	}
	for i, d := range t.Shape {
		if d.IsKnown() && d.N != x.Shape()[i] {
			return false
		}
	}
	return true
}

// planFor is the plan of these input shapes, made where there is none yet.
func (s *Session) planFor(ctx context.Context, inputs []*tensor.Tensor) (*plan, error) {
	if p := s.findPlan(func(p *plan) bool { return p.fits(inputs) }); p != nil {
		return p, nil
	}
	types := make([]ir.Type, len(s.graph.Inputs()))
	for i := range types {
		types[i] = ir.TensorType(inputs[i])
	}
	key := fmt.Sprint(types)
	return s.making.get(ctx, key, func(ctx context.Context) (*plan, error) {
		if p := s.findPlan(func(p *plan) bool { return p.key == key }); p != nil { // made since
			return p, nil
		}
		p, err := newPlan(ctx, s, types)
		if err != nil {
			return nil, err
		}
		p.key = key
		s.keep(p)
		return p, nil
	})
}

// findPlan is the plan that is asked for, nil where there is none yet.
func (s *Session) findPlan(is func(p *plan) bool) *plan {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, p := range s.plans {
		if is(p) {
			copy(s.plans[1:i+1], s.plans[:i])
			s.plans[0] = p
			return p
		}
	}
	return nil
}

func (s *Session) keep(p *plan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plans = slices.DeleteFunc(s.plans, func(q *plan) bool { // made twice, as nobody waited for it
		return q.key == p.key && q.forget()
	})
	if len(s.plans) == maxPlans {
		s.plans[maxPlans-1].forget()
		s.plans = s.plans[:maxPlans-1]
	}
	s.plans = slices.Insert(s.plans, 0, p)
}

// forget lets go of the frames of a plan that the session keeps no more, also of those that Runs have yet; it is true. The lock
// is held.
func (p *plan) forget() bool {
	p.forgotten = true
	p.dropFrames()
	return true
}

// MemoryError says that intermediate results would exceed Options.MaxMemory.
type MemoryError = ir.MemoryError

// recover turns a panic into an error: no panic crosses the package's boundary. It restores whether faults are panics.
func (s *Session) recover(panicOnFault bool, err *error) {
	debug.SetPanicOnFault(panicOnFault)
	if v := recover(); v != nil {
		*err = fmt.Errorf("runtime: %w", s.fault(v))
	}
	if *err != nil {
		*err = plain.Error(*err)
	}
}

// fault is the error that a panic stands for.
func (s *Session) fault(v any) error {
	if err := s.files.Fault(v); err != nil {
		return err
	}
	if err, ok := v.(error); ok {
		return fmt.Errorf("internal fault: %w", err)
	}
	return fmt.Errorf("internal fault: %v", v)
}

func valueNames(values []*ir.Value) []string {
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = v.Name()
	}
	return names
}
