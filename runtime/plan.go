package runtime

import (
	"context"
	"fmt"
	"sync"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// plan is a graph made ready for inputs of certain shapes: every type that can be known, a place in the arena for every
// value whose size is known, and a list of steps.
type plan struct {
	session *Session
	graph   *ir.Graph // with concrete input types, folded
	steps   []step
	slots   []slot
	blocked map[int]int // value id → slot in the blocked layout
	rows    map[int]int // value id → slot in the blocked layout of values whose channels are the last dimension
	inPlace []replacement
	// of training: value id → moments of its channels, → gradient that the reader has to take through a rectifier
	moments   map[int]moments
	rectified map[int]rectified
	arena     int // bytes
	scratch   int // float32s for each worker
	least     int // tasks of the step that is being made

	key string
	ctx context.Context // of the making

	mu     sync.Mutex
	free   []*frame
	bodies map[*ir.Graph]*Session
	making flights[*ir.Graph, *Session] // bodies
}

// step computes the outputs of a node, or converts one of its inputs to another layout.
type step struct {
	node          *ir.Node
	algorithm     string
	conversion    bool
	run           func(f *frame) error
	reads, writes []int // slots
	drop          []int // slots outside the arena that no later step reads
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
	p := &plan{session: s, graph: g, blocked: map[int]int{}, rows: map[int]int{}, bodies: map[*ir.Graph]*Session{}, ctx: ctx, least: 1,
		moments: map[int]moments{}, rectified: map[int]rectified{}}
	p.makeSlots()
	var err error
	if p.inPlace, err = replacements(g, s.opts.InPlace); err != nil {
		return nil, err
	}
	for _, r := range p.inPlace {
		p.slots[r.id].kind = replaced
	}
	if err := p.checkSlots(); err != nil {
		return nil, fmt.Errorf("runtime: %w", err)
	}
	if err := p.lower(); err != nil {
		return nil, err
	}
	if s.tuner != nil {
		s.tuner.save()
	}
	p.liveness()
	p.discard()
	p.arena, p.ctx = packArena(p.slots, s.opts.MaxMemory), nil
	if p.need() > s.opts.MaxMemory {
		return nil, fmt.Errorf("runtime: %w", &MemoryError{Need: p.need(), Limit: s.opts.MaxMemory})
	}
	return p, s.unchanged()
}

// need is the bytes that a Run takes in any case.
func (p *plan) need() int { return p.arena + 4*p.scratch*p.session.opts.Threads }

func (p *plan) fits(inputs []*tensor.Tensor) bool {
	for i, v := range p.graph.Inputs() {
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

// lower makes the steps.
func (p *plan) lower() error {
	for _, n := range p.graph.Nodes() {
		if err := p.ctx.Err(); err != nil {
			return err
		}
		if err := p.lowerNode(n); err != nil {
			if stopped := p.ctx.Err(); stopped != nil {
				return stopped
			}
			return fmt.Errorf("runtime: %w", &ir.Error{Node: n.Name, Op: n.OpName(), Err: err})
		}
	}
	for _, v := range p.graph.Outputs() {
		if err := p.needPlain(v.Def(), v); err != nil {
			return fmt.Errorf("runtime: %w", err)
		}
	}
	return nil
}

// discard lets go of the memory of constants that no step reads, since kernels hold them in packed form.
func (p *plan) discard() {
	read := make([]bool, len(p.slots))
	for _, st := range p.steps {
		for _, id := range st.reads {
			read[id] = true
		}
	}
	for _, v := range p.graph.Outputs() {
		read[v.ID()] = true
	}
	for _, v := range p.graph.Values() {
		if v.Const() != nil && !read[v.ID()] {
			v.Const().Discard()
		}
	}
}

// emit appends a step.
func (p *plan) emit(n *ir.Node, algorithm string, run func(f *frame) error, reads, writes []int) {
	p.steps = append(p.steps, step{node: n, algorithm: algorithm, run: run, reads: reads, writes: writes})
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
