package runtime

import (
	"context"
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/runtime/lower"
	"github.com/onnxrun/onnxrun/tensor"
)

// evalStep runs the operator's reference: how every operator without a lowering is executed.
func (p *plan) evalStep(n *ir.Node) func(f *frame) error {
	in, out := ids(n.Inputs()), ids(n.Outputs())
	return func(f *frame) error {
		c := &ir.EvalCtx{Ctx: f.ctx, Node: n, Op: n.Op, In: make([]*tensor.Tensor, len(in))}
		for i, id := range in {
			if id >= 0 {
				c.In[i] = f.Values[id]
			}
		}
		held := 0
		c.Host.Hold = func(bytes int) error {
			err := f.account.take(bytes)
			if err == nil {
				held += bytes
			}
			return err
		}
		c.Host.Alloc = func(o int, dt tensor.DType, shape []int) (*tensor.Tensor, error) {
			if t := f.Values[out[o]]; t != nil && p.prog.Slots[out[o]].Kind != lower.Replaced && t.DType() == dt && slices.Equal(t.Shape(), shape) {
				return t, f.clear(t)
			}
			count, err := tensor.Count(dt, shape)
			if err == nil {
				err = c.Hold(count * max(dt.Size(), 1))
			}
			if err != nil {
				return nil, err
			}
			return newTensor(f.ctx, dt, shape)
		}
		c.Host.Run = f.runBody
		if err := c.Evaluate(); err != nil {
			return err
		}
		f.account.give(held)
		for o, id := range out {
			if id < 0 {
				continue
			}
			if o >= len(c.Out) || c.Out[o] == nil {
				return fmt.Errorf("output %d was not computed", o)
			}
			if err := f.store(id, n.Out(o), c.Out[o], c.In); err != nil {
				return err
			}
		}
		return nil
	}
}

// store makes t, computed from others, the value: copied to its place where it has one, else held, with storage that
// outlives the arena's reuse.
func (f *frame) store(id int, v *ir.Value, t *tensor.Tensor, from []*tensor.Tensor) error {
	if !v.Type().Accepts(ir.TensorType(t)) {
		return fmt.Errorf("output %q: inferred %v, computed %v", v.Name(), v.Type(), t)
	}
	switch f.plan.prog.Slots[id].Kind {
	case lower.Empty:
	case lower.Planned, lower.Replaced:
		if place := f.Values[id]; place != t {
			return f.copy(place, t)
		}
		return nil
	}
	if f.inArena(t) {
		if err := f.account.take(sizeOf(t)); err != nil {
			return err
		}
		f.account.give(sizeOf(t))
		own, err := newTensor(f.ctx, t.DType(), t.Shape())
		if err == nil {
			err = f.copy(own, t)
		}
		if err != nil {
			return err
		}
		t = own
	}
	f.Values[id] = t
	return f.account.keep(t, from)
}

// clear sets all elements to zero.
func (f *frame) clear(t *tensor.Tensor) error {
	for b := t.Bytes(); len(b) > 0; b = b[min(copyBytes, len(b)):] {
		if f.job.stopped() {
			return f.ctx.Err()
		}
		clear(b[:min(copyBytes, len(b))])
	}
	return nil
}

// runBody runs a body with what this Run has left of memory.
func (f *frame) runBody(ctx context.Context, body *ir.Graph, in []*tensor.Tensor) ([]*tensor.Tensor, error) {
	s, err := f.plan.body(ctx, body)
	if err != nil {
		return nil, err
	}
	out := make([]*tensor.Tensor, len(s.graph.Outputs()))
	return out, s.runWithin(ctx, f.account.limit-f.account.used, in, out)
}

func ids(values []*ir.Value) []int {
	out := make([]int, len(values))
	for i, v := range values {
		out[i] = -1
		if v != nil {
			out[i] = v.ID()
		}
	}
	return out
}
