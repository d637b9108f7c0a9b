package runtime

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
	"unsafe"

	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/runtime/lower"
	"github.com/onnxrun/onnxrun/tensor"
)

// frame is the memory of one Run.
type frame struct {
	lower.Memory
	plan    *plan
	ctx     context.Context
	arena   []byte
	job     job
	account account
	whole   bool // the last Run ended, and not by a panic
}

// run computes outputs from inputs, and takes at most limit bytes for it.
func (p *plan) run(ctx context.Context, limit int, inputs, outputs []*tensor.Tensor) error {
	f, err := p.acquire(ctx, limit)
	if err != nil {
		return err
	}
	defer p.leave(f)
	f.setInputs(inputs)
	if err = f.helped(); err == nil {
		err = f.copyOutputs(outputs)
	}
	f.whole = true
	return err
}

// leave ends a Run. After a panic the frame's state is unknown: another Run does not get it.
func (p *plan) leave(f *frame) {
	if f.whole {
		p.release(f)
		return
	}
	p.giveBack()
}

// giveBack gives the memory of a frame back that is no more.
func (p *plan) giveBack() {
	p.session.mu.Lock()
	defer p.session.mu.Unlock()
	p.session.leave(p.need())
}

// helped runs all steps, with the pool's helpers at hand.
func (f *frame) helped() error {
	s := f.plan.session
	s.pool.begin(&f.job, s.opts.Threads)
	defer s.pool.end(&f.job)
	return f.runSteps(nil)
}

func (f *frame) setInputs(inputs []*tensor.Tensor) {
	for i, v := range f.plan.prog.Graph.Inputs() {
		f.Values[v.ID()] = inputs[i]
	}
	for _, r := range f.plan.inPlace {
		f.Values[r.id] = inputs[r.in]
	}
}

// runSteps runs all steps; done, unless nil, is told how long each took.
func (f *frame) runSteps(done func(step int, d time.Duration)) error {
	for i := range f.plan.steps {
		st := &f.plan.steps[i]
		var start time.Time
		if done != nil {
			start = time.Now()
		}
		if f.job.stopped() {
			return f.ctx.Err()
		}
		err := st.run(f)
		if done != nil {
			done(i, time.Since(start))
		}
		if err != nil {
			if f.job.stopped() { // no node is to blame
				return f.ctx.Err()
			}
			var at *ir.Error
			if errors.As(err, &at) { // from a body: the innermost node is the one to name
				return err
			}
			return fmt.Errorf("runtime: %w", &ir.Error{Node: st.Node().Name, Op: st.Node().OpName(), Err: err})
		}
		for _, id := range st.drop {
			f.account.release(f.Values[id])
			f.Values[id] = nil
		}
	}
	return nil
}

func (f *frame) copyOutputs(outputs []*tensor.Tensor) error {
	for i, v := range f.plan.prog.Graph.Outputs() {
		t, o := f.Values[v.ID()], outputs[i]
		if f.plan.prog.Slots[v.ID()].Kind == lower.Replaced {
			outputs[i] = t
			continue
		}
		if o == nil || o.DType() != t.DType() || !slices.Equal(o.Shape(), t.Shape()) {
			var err error
			if o, err = newTensor(f.ctx, t.DType(), t.Shape()); err != nil {
				return err
			}
		}
		if err := f.copy(o, t); err != nil {
			return err
		}
		outputs[i] = o
	}
	return nil
}

// copyBytes is how many bytes are copied or cleared between two looks at whether the Run is to end.
const copyBytes = 1 << 24

// copy overwrites dst's elements with src's, of the same type and number.
func (f *frame) copy(dst, src *tensor.Tensor) error {
	to, from := dst.Bytes(), src.Bytes()
	if len(from) <= copyBytes || len(to) != len(from) {
		dst.CopyFrom(src)
		return nil
	}
	for at := 0; at < len(from); at += copyBytes {
		if f.job.stopped() {
			return f.ctx.Err()
		}
		copy(to[at:], from[at:min(at+copyBytes, len(from))])
	}
	return nil
}

// newTensor is tensor.New for sizes whose memory takes long to clear.
func newTensor(ctx context.Context, dt tensor.DType, shape []int) (*tensor.Tensor, error) {
	if n, _ := tensor.Count(dt, shape); n*dt.Size() <= copyBytes {
		return tensor.New(dt, shape...), nil
	}
	return await(ctx, func() (*tensor.Tensor, error) { return tensor.New(dt, shape...), nil })
}

// acquire is a frame for a Run that may take limit bytes.
func (p *plan) acquire(ctx context.Context, limit int) (f *frame, err error) {
	if p.need() > limit {
		return nil, fmt.Errorf("runtime: %w", &MemoryError{Need: p.need(), Limit: limit})
	}
	if f = p.reuse(); f == nil {
		if err := p.session.enter(ctx, p.need()); err != nil {
			return nil, err
		}
		defer func() {
			if f == nil { // by an error or a panic
				p.giveBack()
			}
		}()
		if f, err = await(ctx, p.newFrame); err != nil {
			return nil, err
		}
	}
	f.ctx, f.job.done, f.whole = ctx, ctx.Done(), false
	f.account.begin(p.need(), limit)
	return f, nil
}

// reuse is a frame of a Run that has ended; nil if there is none, or if others wait for memory.
func (p *plan) reuse() *frame {
	s := p.session
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(p.free)
	if n == 0 || len(s.memory.waiting) > 0 {
		return nil
	}
	f := p.free[n-1]
	p.free[n-1] = nil
	p.free = p.free[:n-1]
	s.memory.kept -= p.need()
	s.memory.used += p.need()
	return f
}

// maxFrames bounds how many frames a plan keeps for later Runs.
const maxFrames = 16

// release ends a Run. Its frame is kept, if the session still has the plan.
func (p *plan) release(f *frame) {
	f.ctx, f.job.done = nil, nil
	clear(f.account.storage) // whose keys keep values
	for id, s := range p.prog.Slots {
		if s.Kind == lower.Input || s.Kind == lower.Dynamic || s.Kind == lower.Replaced {
			f.Values[id] = nil
		}
	}
	s := p.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(p.free) < maxFrames && !p.forgotten && len(s.memory.waiting) == 0 {
		p.free = append(p.free, f)
		s.memory.kept += p.need()
	}
	s.leave(p.need())
}

func (p *plan) newFrame() (*frame, error) {
	f := &frame{plan: p, arena: tensor.AlignedBytes(p.prog.Arena), Memory: lower.Memory{Values: make([]*tensor.Tensor, len(p.prog.Slots))}}
	kernel.AdviseLarge(f.arena)
	for range p.session.opts.Threads {
		f.Scratch = append(f.Scratch, tensor.Data[float32](tensor.New(tensor.Float32, p.prog.Scratch)))
	}
	for _, v := range p.prog.Graph.Values() {
		if v.Const() != nil {
			f.Values[v.ID()] = v.Const()
		}
	}
	for id, s := range p.prog.Slots {
		if s.Kind == lower.Empty {
			f.Values[id] = tensor.New(s.DType, s.Shape...)
		}
		if s.Kind != lower.Planned && s.Kind != lower.Aliased {
			continue
		}
		root, at := p.prog.Root(id)
		if r := p.prog.Slots[root]; r.Kind == lower.Constant {
			f.Values[id] = f.Values[root].Reshaped(s.Shape...)
		} else if r.Kind == lower.Planned {
			at += r.Offset
			t, err := tensor.FromBytes(s.DType, f.arena[at:at+s.Size:at+s.Size], s.Shape...)
			if err != nil {
				return nil, fmt.Errorf("runtime: %w", err)
			}
			f.Values[id] = t
		}
	}
	return f, nil
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
func (f *frame) parallel(tasks int, task lower.Task) error {
	return f.plan.session.pool.run(f, tasks, len(f.Scratch), task)
}
