package lower

import (
	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// update selects how an update operator is computed.
func (s *selector) update(n *ir.Node) (bool, error) {
	switch op := n.Op.(type) {
	case *ops.Momentum:
		if op.Momentum != 0 && (n.In(4) == nil || n.Out(1) == nil) {
			return false, nil
		}
		spec := kernel.UpdateSpec{Kind: kernel.Momentum, Beta1: op.Momentum, Decay: op.Decay}
		if op.Nesterov {
			spec.Kind = kernel.Nesterov
		}
		if op.Momentum == 0 && n.Out(1) == nil {
			spec.Kind = kernel.Descent
		} else if n.In(4) == nil {
			return false, nil
		}
		return s.updateStep(n, spec, op.RateFactor, updated{scale: n.In(3), v: n.In(4), toV: n.Out(1)})
	case *ops.Adam:
		if n.Out(1) == nil || n.Out(2) == nil {
			return false, nil
		}
		spec := kernel.UpdateSpec{
			Kind: kernel.Adam, Beta1: op.Beta1, Beta2: op.Beta2, Epsilon: op.Epsilon, Decay: op.Decay, Decoupled: op.Decoupled,
		}
		return s.updateStep(n, spec, op.RateFactor, updated{
			number: n.In(3), m: n.In(4), v: n.In(5), scale: n.In(6), toM: n.Out(1), toV: n.Out(2),
		})
	}
	return false, nil
}

// updated is the operands of an update that differ between operators, nil for what it does not have.
type updated struct{ scale, m, v, toM, toV, number *ir.Value }

func (s *selector) updateStep(n *ir.Node, spec kernel.UpdateSpec, factor float32, u updated) (bool, error) {
	spec.N, spec.Split, spec.Set = product(sizes(n.In(0))), s.split(), s.opts.Set
	k, err := kernel.NewUpdate(spec)
	if err != nil {
		return false, err
	}
	at := func(v *ir.Value) *Array { return s.array(v, Plain) }
	w, dw, rate, toW := at(n.In(0)), at(n.In(1)), at(n.In(2)), at(n.Out(0))
	first, second, toFirst, toSecond, scale, number := at(u.m), at(u.v), at(u.toM), at(u.toV), at(u.scale), at(u.number)
	s.plain(n, k, func(m *Memory, task, _ int) {
		up := kernel.UpdateStep{
			W: m.F32(w), DW: m.F32(dw), M: m.F32(first), V: m.F32(second),
			ToW: m.F32(toW), ToM: m.F32(toFirst), ToV: m.F32(toSecond), Rate: m.F32(rate)[0] * factor, Scale: 1,
		}
		if scale != nil {
			up.Scale = m.F32(scale)[0]
		}
		if number != nil {
			up.Number = int(elements[int64](m, number)[0])
		}
		k.Run(task, &up)
	})
	return true, nil
}
