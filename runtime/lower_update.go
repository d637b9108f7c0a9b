package runtime

import (
	"math"

	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// lowerUpdate makes the step of an update operator.
func (p *plan) lowerUpdate(n *ir.Node) (lowered, error) {
	switch op := n.Op.(type) {
	case *ops.Momentum:
		if !allFloat32(n) || op.Momentum != 0 && (n.In(4) == nil || n.Out(1) == nil) {
			return lowered{}, nil
		}
		spec := kernel.UpdateSpec{Kind: kernel.Momentum, Beta1: op.Momentum, Decay: op.Decay}
		if op.Nesterov {
			spec.Kind = kernel.Nesterov
		}
		if op.Momentum == 0 && n.Out(1) == nil {
			spec.Kind = kernel.Descent
		} else if n.In(4) == nil {
			return lowered{}, nil
		}
		return p.updateStep(n, spec, op.RateFactor, update{scale: id(n.In(3)), v: id(n.In(4)), toV: id(n.Out(1)), m: -1, toM: -1, number: -1})
	case *ops.Adam:
		for i, v := range n.Inputs() {
			if v != nil && i != 3 && v.Type().DType != tensor.Float32 {
				return lowered{}, nil
			}
		}
		if n.Out(1) == nil || n.Out(2) == nil {
			return lowered{}, nil
		}
		spec := kernel.UpdateSpec{
			Kind: kernel.Adam, Beta1: op.Beta1, Beta2: op.Beta2, Epsilon: op.Epsilon, Decay: op.Decay, Decoupled: op.Decoupled,
		}
		return p.updateStep(n, spec, op.RateFactor, update{
			number: id(n.In(3)), m: id(n.In(4)), v: id(n.In(5)), scale: id(n.In(6)), toM: id(n.Out(1)), toV: id(n.Out(2)),
		})
	}
	return lowered{}, nil
}

// update is the slots of an update that differ between operators, -1 for what it does not have.
type update struct{ scale, m, v, toM, toV, number int }

func (p *plan) updateStep(n *ir.Node, spec kernel.UpdateSpec, factor float32, u update) (lowered, error) {
	spec.N, spec.Split, spec.Set = product(sizes(n.In(0))), p.split(), p.set()
	k, err := kernel.NewUpdate(spec)
	if err != nil {
		return lowered{}, err
	}
	w, dw, rate, toW := id(n.In(0)), id(n.In(1)), id(n.In(2)), id(n.Out(0))
	return p.kernelStep(k, func(f *frame, task, _ int) {
		s := kernel.UpdateStep{
			W: f.float32s(w), DW: f.float32s(dw), M: f.float32s(u.m), V: f.float32s(u.v),
			ToW: f.float32s(toW), ToM: f.float32s(u.toM), ToV: f.float32s(u.toV), Rate: f.float32s(rate)[0] * factor, Scale: 1,
		}
		if u.scale >= 0 {
			s.Scale = f.float32s(u.scale)[0]
		}
		if u.number >= 0 {
			s.Number = int(tensor.Data[int64](f.vals[u.number])[0])
		}
		k.Run(task, &s)
	}), nil
}

// lowerClipScale sums squares in parts of a fixed size and adds these up in order.
func (p *plan) lowerClipScale(n *ir.Node, op *ops.ClipScale) (lowered, error) {
	if !allFloat32(n) {
		return lowered{}, nil
	}
	type part struct {
		k       *kernel.SquareSum
		task    int
		x, from int // the array, and where its sums begin
	}
	var parts []part
	total := 0
	if op.Limit > 0 {
		for _, v := range n.Inputs()[1:] {
			k, err := kernel.NewSquareSum(product(sizes(v)), p.split(), p.set())
			if err != nil {
				return lowered{}, err
			}
			for task := range k.Tasks() {
				parts = append(parts, part{k, task, id(v), total})
			}
			total += k.Parts()
		}
	}
	loss, y, sums := id(n.In(0)), id(n.Out(0)), p.newSlotOf(tensor.Float64, total)
	return lowered{algorithm: "clip-scale", temporary: []int{sums}, run: func(f *frame) error {
		all := tensor.Data[float64](f.vals[sums])
		err := f.parallel(len(parts), func(f *frame, task, _ int) {
			c := parts[task]
			c.k.Run(c.task, all[c.from:c.from+c.k.Parts()], f.float32s(c.x))
		})
		if err != nil {
			return err
		}
		f.float32s(y)[0] = clipScale(f.float32s(loss)[0], float64(op.Limit), all)
		return nil
	}}, nil
}

// clipScale is what gradients are multiplied by, given the parts of the sum of their squares.
func clipScale(loss float32, limit float64, squares []float64) float32 {
	if l := float64(loss); math.IsNaN(l) || math.IsInf(l, 0) {
		return float32(math.NaN())
	}
	if limit <= 0 {
		return 1
	}
	sum := 0.0
	for _, v := range squares {
		sum += v
	}
	if math.IsInf(sum, 0) {
		return float32(math.NaN())
	}
	return float32(min(1, limit/(math.Sqrt(sum)+1e-6)))
}
