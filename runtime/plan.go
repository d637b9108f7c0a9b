package runtime

import (
	"context"
	"fmt"
	"sync"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/runtime/lower"
	"github.com/onnxrun/onnxrun/tensor"
)

// plan is a graph made ready for inputs of certain shapes, and the memory of Runs that have ended.
type plan struct {
	session *Session
	prog    *lower.Program
	steps   []step
	inPlace []replacement

	key string

	free      []*frame // the session's lock guards them
	forgotten bool     // the session keeps it no more

	mu     sync.Mutex
	bodies map[*ir.Graph]*Session
	making flights[*ir.Graph, *Session] // bodies
}

// step is a step of the program as a Run takes it.
type step struct {
	*lower.Step
	run  func(f *frame) error
	drop []int // slots outside the arena that no later step reads
}

// newPlan makes a plan for inputs of the types, whose sizes are numbers.
func newPlan(ctx context.Context, s *Session, inputs []ir.Type) (*plan, error) {
	g := s.graph.Clone()
	for i, v := range g.Inputs() {
		if err := g.SetInputType(v, inputs[i]); err != nil {
			return nil, fmt.Errorf("runtime: %w", err)
		}
	}
	if err := g.InferAll(); err != nil {
		return nil, fmt.Errorf("runtime: %w", err)
	}
	if err := s.optimize(ctx, g); err != nil {
		return nil, err
	}
	p := &plan{session: s, bodies: map[*ir.Graph]*Session{}}
	var err error
	if p.inPlace, err = replacements(g, s.opts.InPlace); err != nil {
		return nil, err
	}
	if p.prog, err = lower.Lower(ctx, g, p.lowering()); err != nil {
		if err == ctx.Err() {
			return nil, err
		}
		return nil, fmt.Errorf("runtime: %w", err)
	}
	if s.tuner != nil {
		s.tuner.save()
	}
	p.makeSteps()
	p.discard()
	if p.need() > s.opts.MaxMemory {
		return nil, fmt.Errorf("runtime: %w", &MemoryError{Need: p.need(), Limit: s.opts.MaxMemory})
	}
	return p, s.unchanged()
}

// lowering is how the session's graph is lowered.
func (p *plan) lowering() lower.Options {
	s := p.session
	opts := lower.Options{Set: s.set, Threads: s.opts.Threads, MaxMemory: s.opts.MaxMemory, Strict: s.opts.Strict, Packs: &s.opts.Weights.packs}
	for _, r := range p.inPlace {
		opts.Replaced = append(opts.Replaced, r.id)
	}
	if s.tuner != nil {
		opts.Choose = s.choose
	}
	if s.opts.Passes != nil {
		opts.Check, opts.Dump = s.opts.Passes.Debug.Lowering()
	}
	return opts
}

// makeSteps makes what a Run does of the program. An alias has nothing to do.
func (p *plan) makeSteps() {
	last := map[int][]int{} // step → values outside of the arena that it is the last to read
	for id, s := range p.prog.Slots {
		if s.Kind == lower.Dynamic && s.Last < len(p.prog.Steps) {
			last[s.Last] = append(last[s.Last], id)
		}
	}
	for i, st := range p.prog.Steps {
		switch st.Kernel {
		case "alias": // of what has a place of its own
		case "reference":
			p.steps = append(p.steps, step{st, p.evalStep(st.Node()), last[i]})
		default:
			p.steps = append(p.steps, step{st, runPhases(st.Phases), last[i]})
		}
	}
}

// runPhases runs the phases of a step, one after the other.
func runPhases(phases []lower.Phase) func(f *frame) error {
	return func(f *frame) error {
		for i := range phases {
			ph := &phases[i]
			var err error
			if ph.Once != nil {
				err = ph.Once(&f.Memory)
			} else {
				err = f.parallel(ph.Tasks, ph.Task)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// need is the bytes that a Run takes in any case.
func (p *plan) need() int { return p.prog.Arena + 4*p.prog.Scratch*p.session.opts.Threads }

func (p *plan) fits(inputs []*tensor.Tensor) bool {
	for i, v := range p.prog.Graph.Inputs() {
		t := v.Type()
		if inputs[i].DType() != t.DType || inputs[i].Rank() != len(t.Shape) {
			return false
		}
		for d, n := range inputs[i].Shape() {
			if t.Shape[d].N != n {
				return false
			}
		}
	}
	return true
}

// discard lets go of the memory of constants that no step reads, since kernels hold them in packed form.
func (p *plan) discard() {
	read := make([]bool, len(p.prog.Slots))
	for _, st := range p.steps {
		for _, a := range st.Reads {
			root, _ := p.prog.Root(a.Slot)
			read[root] = true
		}
	}
	for _, v := range p.prog.Graph.Outputs() {
		root, _ := p.prog.Root(v.ID())
		read[root] = true
	}
	for _, v := range p.prog.Graph.Values() {
		if v.Const() != nil && !read[v.ID()] {
			v.Const().Discard()
		}
	}
}

// body is the session of a control-flow body.
func (p *plan) body(ctx context.Context, g *ir.Graph) (*Session, error) {
	if s := p.knownBody(g); s != nil {
		return s, nil
	}
	return p.making.get(ctx, g, func(ctx context.Context) (*Session, error) {
		if s := p.knownBody(g); s != nil { // made since
			return s, nil
		}
		opts := p.session.opts
		opts.Outputs, opts.InPlace = nil, nil
		s, err := compileIn(ctx, g, opts, p.session.pool, p.session.files)
		if err == nil {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.bodies[g] = s
		}
		return s, err
	})
}

func (p *plan) knownBody(g *ir.Graph) *Session {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bodies[g]
}
