package runtime

import (
	"context"
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// evalStep runs the operator's reference: how every operator without a lowering is executed.
func (p *plan) evalStep(n *ir.Node) func(f *frame) error {
	in, out := ids(n.Inputs()), ids(n.Outputs())
	return func(f *frame) error {
		c := &ir.EvalCtx{Ctx: f.ctx, Node: n, Op: n.Op, In: make([]*tensor.Tensor, len(in))}
		for i, id := range in {
			if id >= 0 {
				c.In[i] = f.vals[id]
			}
		}
		c.Host.Alloc = func(o int, dt tensor.DType, shape []int) (*tensor.Tensor, error) {
			if t := f.vals[out[o]]; t != nil && p.slots[out[o]].kind != replaced && t.DType() == dt && slices.Equal(t.Shape(), shape) {
				clear(t.Bytes())
				return t, nil
			}
			return p.session.alloc(o, dt, shape)
		}
		c.Host.Run = p.runBody
		if err := n.Op.Def().Eval(c); err != nil {
			return err
		}
		for o, id := range out {
			if id < 0 {
				continue
			}
			if o >= len(c.Out) || c.Out[o] == nil {
				return fmt.Errorf("output %d was not computed", o)
			}
			if err := f.store(id, n.Out(o), c.Out[o]); err != nil {
				return err
			}
		}
		return nil
	}
}

// store makes t the value: copied to its place where it has one, else held, with storage that outlives the arena's reuse.
func (f *frame) store(id int, v *ir.Value, t *tensor.Tensor) error {
	if !v.Type().Accepts(ir.TensorType(t)) {
		return fmt.Errorf("output %q: inferred %v, computed %v", v.Name(), v.Type(), t)
	}
	switch f.plan.slots[id].kind {
	case planned, replaced:
		if place := f.vals[id]; place != t {
			place.CopyFrom(t)
		}
	default:
		if f.inArena(t) {
			t = t.Clone()
		}
		f.vals[id] = t
	}
	return nil
}

func (p *plan) runBody(ctx context.Context, body *ir.Graph, in []*tensor.Tensor) ([]*tensor.Tensor, error) {
	s, err := p.body(ctx, body)
	if err != nil {
		return nil, err
	}
	return s.Run(ctx, in...)
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
