package runtime

import (
	"context"
	"runtime/debug"
	"slices"
	"time"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/runtime/lower"
	"github.com/onnxrun/onnxrun/tensor"
)

// StepProfile is what one step of a Run costs: the computation of a node, with all that is fused into it, the conversion of
// a value to another layout, or an activation that could not be fused.
type StepProfile struct {
	Node      *ir.Node
	Algorithm string
	Time      time.Duration // median over the runs
	MACs      int64         // multiply-accumulates of the node's definition, whatever the algorithm
	Bytes     int64         // of what is read and written, weights included
}

// Profile runs the graph the given number of times, at least once, and returns the steps in order.
func (s *Session) Profile(ctx context.Context, runs int, inputs ...*tensor.Tensor) (steps []StepProfile, err error) {
	defer s.recover(debug.SetPanicOnFault(true), &err)
	if err := s.checkInputs(inputs); err != nil {
		return nil, err
	}
	p, err := s.planFor(ctx, inputs)
	if err != nil {
		return nil, err
	}
	f, err := p.acquire(ctx, s.opts.MaxMemory)
	if err != nil {
		return nil, err
	}
	defer p.leave(f)
	times, err := f.timed(max(1, runs), inputs)
	f.whole = true
	if err != nil {
		return nil, err
	}
	bytes := f.stepBytes()
	for i, st := range p.steps {
		slices.Sort(times[i])
		sp := StepProfile{Node: st.Node(), Algorithm: st.Algorithm, Time: times[i][len(times[i])/2], Bytes: bytes[i]}
		if macs := st.Node().Op.Def().MACs; macs != nil && !st.Helper {
			sp.MACs = macs(st.Node())
		}
		steps = append(steps, sp)
	}
	return steps, nil
}

// timed runs all steps some times, with the pool's helpers at hand, and returns what each took.
func (f *frame) timed(runs int, inputs []*tensor.Tensor) ([][]time.Duration, error) {
	s := f.plan.session
	s.pool.begin(&f.job, s.opts.Threads)
	defer s.pool.end(&f.job)
	times := make([][]time.Duration, len(f.plan.steps))
	for range runs {
		f.setInputs(inputs)
		if err := f.runSteps(func(i int, d time.Duration) { times[i] = append(times[i], d) }); err != nil {
			return nil, err
		}
	}
	return times, nil
}

// stepBytes is the bytes that each step reads and writes.
func (f *frame) stepBytes() []int64 {
	sizes := make([]int64, len(f.plan.steps))
	for i, st := range f.plan.steps {
		for _, a := range slices.Concat(st.Reads, st.Writes) {
			if t := f.Values[a.Slot]; t != nil {
				sizes[i] += int64(len(t.Bytes()))
			}
		}
		if st.Helper {
			continue
		}
		for _, v := range st.Node().Inputs() { // weights that the kernel has packed
			if v != nil && v.Const() != nil && !slices.ContainsFunc(st.Reads, func(a *lower.Array) bool { return a.Slot == v.ID() }) {
				sizes[i] += int64(len(v.Const().Bytes()))
			}
		}
	}
	return sizes
}
