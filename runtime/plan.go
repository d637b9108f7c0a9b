package runtime

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"unsafe"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/passes"
	"github.com/onnxrun/onnxrun/tensor"
)

// plan is a graph made ready for inputs of certain shapes: every type that can be known, a place in the arena for every
// value whose size is known, and a list of steps.
type plan struct {
	session *Session
	graph   *ir.Graph // with concrete input types, folded
	steps   []step
	slots   []slot // by value id
	arena   int    // bytes
	scratch int    // float32s for each worker

	mu     sync.Mutex
	free   []*frame
	bodies map[*ir.Graph]*Session
}

// step computes the outputs of a node.
type step struct {
	node *ir.Node
	run  func(f *frame) error
	drop []int // ids of values outside the arena that no later step reads
}

// slot is where a value lies: in the arena where size > 0 or the value is empty, in another value's place where alias
// is set, or nowhere yet (dynamic): then a step supplies the tensor.
type slot struct {
	kind   slotKind
	offset int
	size   int
	alias  int
	first  int // step that writes it
	last   int // last step that reads it, or the number of steps for outputs
}

type slotKind uint8

const (
	dynamic slotKind = iota
	constant
	input
	planned
	aliased
)

// frame is the memory of one Run.
type frame struct {
	plan    *plan
	ctx     context.Context
	arena   []byte
	vals    []*tensor.Tensor // by value id
	scratch [][]float32      // by worker
	job     job
}

func newPlan(s *Session, inputs []*tensor.Tensor) (*plan, error) {
	g := s.graph.Clone()
	for i, v := range g.Inputs() {
		if err := g.SetInputType(v, ir.TensorType(inputs[i])); err != nil {
			return nil, fmt.Errorf("runtime: %w", err)
		}
	}
	if err := g.InferAll(); err != nil {
		return nil, fmt.Errorf("runtime: %w", err)
	}
	if err := passes.Fold(g, s.evaluate); err != nil {
		return nil, fmt.Errorf("runtime: %w", err)
	}
	p := &plan{session: s, graph: g, slots: make([]slot, g.NumValues()), bodies: map[*ir.Graph]*Session{}}
	p.place()
	if err := p.lower(); err != nil {
		return nil, err
	}
	p.liveness()
	p.arena = packArena(p.slots)
	if p.arena > s.opts.MaxMemory {
		return nil, fmt.Errorf("runtime: %w", &MemoryError{p.arena, s.opts.MaxMemory})
	}
	return p, nil
}

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

// place says of every value what kind of slot it has.
func (p *plan) place() {
	for _, v := range p.graph.Inputs() {
		p.slots[v.ID()].kind = input
	}
	for _, v := range p.graph.Values() {
		if v.Const() != nil {
			p.slots[v.ID()].kind = constant
		}
	}
	for _, n := range p.graph.Nodes() {
		for _, v := range n.Outputs() {
			if v == nil {
				continue
			}
			shape, ok := v.Type().Shape.Ints()
			if !ok || v.Type().DType == tensor.String {
				continue
			}
			count, err := tensor.Count(v.Type().DType, shape)
			if err != nil { // Eval will say so, should it be reached
				continue
			}
			p.slots[v.ID()] = slot{kind: planned, size: count * v.Type().DType.Size()}
		}
	}
}

// lower makes the steps.
func (p *plan) lower() error {
	for _, n := range p.graph.Nodes() {
		run, err := p.lowerNode(n)
		if err != nil {
			return fmt.Errorf("runtime: %w", &ir.Error{Node: n.Name, Op: n.OpName(), Err: err})
		}
		if run != nil {
			p.steps = append(p.steps, step{node: n, run: run})
		}
	}
	return nil
}

// root is the value in whose place v lies.
func (p *plan) root(id int) int {
	for p.slots[id].kind == aliased {
		id = p.slots[id].alias
	}
	return id
}

// liveness finds the first and last step that touches each slot, and what each step may let go.
func (p *plan) liveness() {
	for i, st := range p.steps {
		for _, v := range st.node.Outputs() {
			if v != nil {
				p.slots[v.ID()].first = i
				p.slots[v.ID()].last = i
			}
		}
		for _, v := range st.node.Inputs() {
			if v != nil {
				p.slots[p.root(v.ID())].last = i
			}
		}
	}
	for _, v := range p.graph.Outputs() {
		p.slots[p.root(v.ID())].last = len(p.steps)
	}
	for id, s := range p.slots {
		if s.kind == dynamic && s.last < len(p.steps) && len(p.steps) > 0 {
			p.steps[s.last].drop = append(p.steps[s.last].drop, id)
		}
	}
}

// packArena gives planned slots that live at the same time disjoint places, and returns the arena's size: largest first,
// each at the lowest offset that is free throughout its life (Pisarchyk and Lee, 2020, "greedy by size").
func packArena(slots []slot) int {
	var order []int
	for id, s := range slots {
		if s.kind == planned && s.size > 0 {
			order = append(order, id)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return slots[b].size - slots[a].size })
	arena := 0
	var placed []int // by offset
	for _, id := range order {
		s := &slots[id]
		at := 0
		for _, other := range placed {
			o := slots[other]
			if o.last < s.first || s.last < o.first {
				continue
			}
			if at+s.size <= o.offset {
				break
			}
			at = max(at, align(o.offset+o.size))
		}
		s.offset = at
		arena = max(arena, at+s.size)
		i, _ := slices.BinarySearchFunc(placed, at, func(id, at int) int { return slots[id].offset - at })
		placed = slices.Insert(placed, i, id)
	}
	return arena
}

func align(n int) int { return (n + tensor.Align - 1) &^ (tensor.Align - 1) }

func (p *plan) run(ctx context.Context, inputs, outputs []*tensor.Tensor) error {
	f, err := p.acquire()
	if err != nil {
		return err
	}
	f.ctx = ctx
	for i, v := range p.graph.Inputs() {
		f.vals[v.ID()] = inputs[i]
	}
	err = f.runSteps()
	if err == nil {
		f.copyOutputs(outputs)
	}
	p.release(f) // not after a panic: the frame's state is then unknown
	return err
}

func (f *frame) runSteps() error {
	for i := range f.plan.steps {
		st := &f.plan.steps[i]
		err := f.ctx.Err()
		if err == nil {
			err = st.run(f)
		}
		if err != nil {
			var at *ir.Error
			if errors.As(err, &at) { // from a body: the innermost node is the one to name
				return err
			}
			return fmt.Errorf("runtime: %w", &ir.Error{Node: st.node.Name, Op: st.node.OpName(), Err: err})
		}
		for _, id := range st.drop {
			f.vals[id] = nil
		}
	}
	return nil
}

func (f *frame) copyOutputs(outputs []*tensor.Tensor) {
	for i, v := range f.plan.graph.Outputs() {
		t, o := f.vals[v.ID()], outputs[i]
		if o != nil && o.DType() == t.DType() && slices.Equal(o.Shape(), t.Shape()) {
			o.CopyFrom(t)
		} else {
			outputs[i] = t.Clone()
		}
	}
}

func (p *plan) acquire() (*frame, error) {
	p.mu.Lock()
	if n := len(p.free); n > 0 {
		f := p.free[n-1]
		p.free = p.free[:n-1]
		p.mu.Unlock()
		return f, nil
	}
	p.mu.Unlock()
	return p.newFrame()
}

// maxFrames bounds how many frames a plan keeps for later Runs.
const maxFrames = 16

func (p *plan) release(f *frame) {
	f.ctx = nil
	for id, s := range p.slots {
		if s.kind == input || s.kind == dynamic {
			f.vals[id] = nil
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) < maxFrames {
		p.free = append(p.free, f)
	}
}

func (p *plan) newFrame() (*frame, error) {
	f := &frame{plan: p, arena: tensor.AlignedBytes(p.arena), vals: make([]*tensor.Tensor, len(p.slots))}
	for range p.session.opts.Threads {
		f.scratch = append(f.scratch, make([]float32, p.scratch))
	}
	for _, v := range p.graph.Values() {
		s := p.slots[v.ID()]
		switch s.kind {
		case constant:
			f.vals[v.ID()] = v.Const()
		case planned, aliased:
			r := p.slots[p.root(v.ID())]
			shape, _ := v.Type().Shape.Ints()
			if r.kind == constant {
				f.vals[v.ID()] = p.constant(p.root(v.ID())).Reshaped(shape...)
				continue
			}
			t, err := tensor.FromBytes(v.Type().DType, f.arena[r.offset:r.offset+r.size:r.offset+r.size], shape...)
			if err != nil {
				return nil, fmt.Errorf("runtime: value %q: %w", v.Name(), err)
			}
			f.vals[v.ID()] = t
		}
	}
	return f, nil
}

func (p *plan) constant(id int) *tensor.Tensor {
	for _, v := range p.graph.Values() {
		if v.ID() == id {
			return v.Const()
		}
	}
	return nil
}

// inArena reports whether a tensor's storage is part of the frame's arena.
func (f *frame) inArena(t *tensor.Tensor) bool {
	if len(t.Bytes()) == 0 || len(f.arena) == 0 {
		return false
	}
	start := uintptr(unsafe.Pointer(unsafe.SliceData(f.arena)))
	at := uintptr(unsafe.Pointer(unsafe.SliceData(t.Bytes())))
	return at >= start && at < start+uintptr(len(f.arena))
}

// parallel runs the tasks of a step on the session's workers.
func (f *frame) parallel(tasks int, task func(f *frame, task, worker int)) error {
	return f.plan.session.pool.run(f, tasks, len(f.scratch), task)
}

// body is the session of a control-flow body.
func (p *plan) body(g *ir.Graph) (*Session, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.bodies[g]; s != nil {
		return s, nil
	}
	opts := p.session.opts
	opts.Outputs = nil
	s, err := compile(g, opts, p.session.pool)
	if err == nil {
		p.bodies[g] = s
	}
	return s, err
}
