package runtime

import (
	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// moments is the slots of mean and variance of each channel of a value.
type moments struct{ mean, variance int }

// batchMoments is the moments of x, with a step before n that computes them where none has yet.
func (p *plan) batchMoments(n *ir.Node, k *kernel.BatchNorm, x *ir.Value, blocked int) moments {
	if m, ok := p.moments[x.ID()]; ok {
		return m
	}
	c := sizes(x)[1]
	m := moments{p.newSlot(c), p.newSlot(c)}
	p.moments[x.ID()] = m
	sums := p.newSlot(k.SumsSize())
	first := p.kernelStep(k, func(f *frame, task, _ int) { k.Moments(task, f.float32s(sums), f.float32s(blocked)) })
	p.emit(n, "moments", func(f *frame) error {
		if err := first.run(f); err != nil {
			return err
		}
		return f.parallel(k.FinishTasks(), func(f *frame, task, _ int) {
			k.Finish(task, f.float32s(m.mean), f.float32s(m.variance), f.float32s(sums))
		})
	}, []int{blocked}, []int{sums, m.mean, m.variance})
	p.steps[len(p.steps)-1].conversion = true
	return m
}

// trainBatchNorm normalizes by the batch's own moments, rectifies where that alone comes next, and carries the running
// statistics on.
func (p *plan) trainBatchNorm(n *ir.Node, op *ops.BatchNormalization) (bool, error) {
	x, y := n.In(0), n.Out(0)
	if !allFloat32(n) || !p.isBlockable(x) || p.swells(sizes(x)) || product(sizes(x)) == 0 {
		return false, nil
	}
	if next := p.onlyReader(y); next != nil {
		if _, ok := next.Op.(*ops.Relu); ok {
			y = next.Out(0)
		}
	}
	k, err := p.newBatchNorm(x, op.Epsilon, y != n.Out(0))
	if err != nil {
		return false, err
	}
	from, err := p.needBlocked(n, x)
	if err != nil {
		return false, err
	}
	for _, v := range n.Inputs()[1:] {
		if err := p.needPlain(n, v); err != nil {
			return false, err
		}
	}
	m := p.batchMoments(n, k, x, from)
	scale, shift := n.In(1).ID(), n.In(2).ID()
	reads, writes := []int{from, m.mean, m.variance, scale, shift}, []int{p.setBlocked(y)}
	p.slots[n.Out(0).ID()].kind = absent
	to := writes[0]
	var running [][3]int // the batch's, the one before, the next
	for i, batch := range []int{m.mean, m.variance} {
		if next := n.Out(1 + i); next != nil {
			running = append(running, [3]int{batch, n.In(3 + i).ID(), next.ID()})
			reads, writes = append(reads, n.In(3+i).ID()), append(writes, next.ID())
		}
	}
	normalize := p.kernelStep(k, func(f *frame, task, _ int) {
		k.Run(task, f.float32s(to), f.float32s(from), f.float32s(m.mean), f.float32s(m.variance), f.float32s(scale), f.float32s(shift))
	})
	p.emit(n, normalize.algorithm, func(f *frame) error {
		for _, r := range running {
			carryOn(f.float32s(r[2]), f.float32s(r[1]), f.float32s(r[0]), op.Momentum)
		}
		return normalize.run(f)
	}, reads, writes)
	return true, nil
}

// carryOn makes running statistics of those before, which next may be, and the batch's.
func carryOn(next, before, batch []float32, momentum float32) {
	for i, v := range before {
		next[i] = v*momentum + batch[i]*(1-momentum)
	}
}

func (p *plan) newBatchNorm(x *ir.Value, epsilon float32, relu bool) (*kernel.BatchNorm, error) {
	s := sizes(x)
	return kernel.NewBatchNorm(kernel.BatchNormSpec{
		N: s[0], C: s[1], Plane: s[2] * s[3], Epsilon: epsilon, Relu: relu, Split: p.split(), Set: p.set(),
	})
}

// rectified is a gradient that has not gone through a rectifier yet: dy counts where y is above zero.
type rectified struct{ dy, y *ir.Value }

// leaveToNorm leaves the gradient of a rectifier to that of a batch normalization, if that alone reads it.
func (p *plan) leaveToNorm(n *ir.Node) bool {
	norm := p.onlyReader(n.Out(0))
	if norm == nil {
		return false
	}
	if _, ok := norm.Op.(*ops.BatchNormalizationGrad); !ok || norm.In(0) != n.Out(0) || !p.normalizable(norm) {
		return false
	}
	p.rectified[n.Out(0).ID()] = rectified{n.In(0), n.In(1)}
	p.slots[n.Out(0).ID()].kind = absent
	return true
}

// normalizable reports whether the kernel takes a gradient of a batch normalization.
func (p *plan) normalizable(n *ir.Node) bool {
	x := n.In(1)
	return allFloat32(n) && p.isBlockable(x) && !p.swells(sizes(x)) && product(sizes(x)) > 0
}

// batchNormGrad computes the gradients of a batch normalization, and of a rectifier behind it.
func (p *plan) batchNormGrad(n *ir.Node, op *ops.BatchNormalizationGrad) (bool, error) {
	dy, x := n.In(0), n.In(1)
	if !p.normalizable(n) {
		return false, nil
	}
	masked, rectified := p.rectified[dy.ID()]
	if rectified {
		dy = masked.dy
	}
	k, err := p.newBatchNorm(x, op.Epsilon, rectified)
	if err != nil {
		return false, err
	}
	from, err := p.needBlocked(n, x)
	if err != nil {
		return false, err
	}
	d, err := p.needBlocked(n, dy)
	if err != nil {
		return false, err
	}
	reads, y := []int{from, d}, -1
	if rectified {
		if y, err = p.needBlocked(n, masked.y); err != nil {
			return false, err
		}
		reads = append(reads, y)
	}
	if err := p.needPlain(n, n.In(2)); err != nil {
		return false, err
	}
	m := p.batchMoments(n, k, x, from)
	scale, sums := n.In(2).ID(), p.newSlot(k.SumsSize())
	dscale, dshift := p.channelOutput(n.Out(1), x), p.channelOutput(n.Out(2), x)
	first := p.kernelStep(k, func(f *frame, task, _ int) {
		k.GradMoments(task, f.float32s(sums), f.float32s(d), f.float32s(from), f.float32s(y), f.float32s(m.mean))
	})
	p.emit(n, "grad-moments", func(f *frame) error {
		if err := first.run(f); err != nil {
			return err
		}
		return f.parallel(k.FinishTasks(), func(f *frame, task, _ int) {
			k.GradFinish(task, f.float32s(dscale), f.float32s(dshift), f.float32s(sums), f.float32s(m.variance))
		})
	}, append(reads, m.mean, m.variance), []int{sums, dscale, dshift})
	if n.Out(0) == nil {
		return true, nil
	}
	p.steps[len(p.steps)-1].conversion = true
	dx := p.overBlocked(n, dy, n.Out(0))
	return p.blockedStep(n, k, append(reads, m.mean, m.variance, scale, dscale, dshift), dx, func(f *frame, task, _ int) {
		k.GradRun(task, f.float32s(dx), f.float32s(d), f.float32s(from), f.float32s(y), kernel.BatchNormGrad{
			Mean: f.float32s(m.mean), Variance: f.float32s(m.variance), Scale: f.float32s(scale), DScale: f.float32s(dscale), DShift: f.float32s(dshift),
		})
	})
}

// channelOutput is the slot of an output of one number a channel, a temporary one where it is not wanted.
func (p *plan) channelOutput(v, x *ir.Value) int {
	if v == nil {
		return p.newSlot(sizes(x)[1])
	}
	return v.ID()
}
