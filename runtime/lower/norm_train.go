package lower

import (
	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// moments is mean and variance of each channel of a value.
type moments struct{ mean, variance *Array }

// batchMoments is the moments of x, with a step that computes them where none has yet.
func (s *selector) batchMoments(n *ir.Node, k *kernel.BatchNorm, x *Array) moments {
	if m, ok := s.moments[x.Value]; ok {
		return m
	}
	c := sizes(x.Value)[1]
	mo := moments{s.floats("means", c), s.floats("variances", c)}
	s.moments[x.Value] = mo
	sums := s.floats("sums", k.SumsSize())
	s.helper(n, "moments", arrays(x), arrays(sums, mo.mean, mo.variance),
		s.phase(k, func(m *Memory, task, _ int) { k.Moments(task, m.F32(sums), m.F32(x)) }),
		Phase{Tasks: k.FinishTasks(), Task: func(m *Memory, task, _ int) {
			k.Finish(task, m.F32(mo.mean), m.F32(mo.variance), m.F32(sums))
		}})
	return mo
}

// trainBatchNorm normalizes by the batch's own moments, rectifies where that alone comes next, and carries the running
// statistics on.
func (s *selector) trainBatchNorm(n *ir.Node, op *ops.BatchNormalization) (bool, error) {
	x, y := n.In(0), n.Out(0)
	if !s.isBlockable(x) || s.swells(sizes(x)) || product(sizes(x)) == 0 {
		return false, nil
	}
	nodes := []*ir.Node{n}
	if next := s.onlyReader(y); next != nil {
		if _, ok := next.Op.(*ops.Relu); ok {
			nodes, y = append(nodes, next), next.Out(0)
		}
	}
	k, err := s.newBatchNorm(x, op.Epsilon, y != n.Out(0))
	if err != nil {
		return false, err
	}
	from := s.read(x, Blocked)
	scale, shift := s.read(n.In(1), Plain), s.read(n.In(2), Plain)
	mo := s.batchMoments(n, k, from)
	to := s.write(y, Blocked)
	reads, writes := arrays(from, mo.mean, mo.variance, scale, shift), arrays(to)
	var running [][3]*Array // the batch's, the ones before, the next
	for i, batch := range []*Array{mo.mean, mo.variance} {
		before := s.read(n.In(3+i), Plain)
		if next := n.Out(1 + i); next != nil {
			after := s.write(next, Plain)
			running = append(running, [3]*Array{batch, before, after})
			reads, writes = append(reads, before), append(writes, after)
		}
	}
	st := s.step(n, k, reads, writes, func(m *Memory, task, _ int) {
		k.Run(task, m.F32(to), m.F32(from), m.F32(mo.mean), m.F32(mo.variance), m.F32(scale), m.F32(shift))
	})
	st.Nodes = nodes
	s.covered[nodes[len(nodes)-1]] = true
	carry := Phase{Once: func(m *Memory) error {
		for _, r := range running {
			carryOn(m.F32(r[2]), m.F32(r[1]), m.F32(r[0]), op.Momentum)
		}
		return nil
	}}
	st.Phases = append([]Phase{carry}, st.Phases...)
	return true, nil
}

// carryOn makes running statistics of those before, which next may be, and the batch's.
func carryOn(next, before, batch []float32, momentum float32) {
	for i, v := range before {
		next[i] = v*momentum + batch[i]*(1-momentum)
	}
}

func (s *selector) newBatchNorm(x *ir.Value, epsilon float32, relu bool) (*kernel.BatchNorm, error) {
	shape := sizes(x)
	return kernel.NewBatchNorm(kernel.BatchNormSpec{
		N: shape[0], C: shape[1], Plane: shape[2] * shape[3], Epsilon: epsilon, Relu: relu, Split: s.split(), Set: s.opts.Set,
	})
}

// leaveToNorm leaves the gradient n of a rectifier to that of a batch normalization, if that alone reads it.
func (s *selector) leaveToNorm(n *ir.Node) bool {
	norm := s.onlyReader(n.Out(0))
	if norm == nil {
		return false
	}
	if _, ok := norm.Op.(*ops.BatchNormalizationGrad); !ok || norm.In(0) != n.Out(0) || !s.normalizable(norm) {
		return false
	}
	s.rectified[norm], s.covered[n] = n, true
	return true
}

// normalizable reports whether the kernel takes a gradient of a batch normalization.
func (s *selector) normalizable(n *ir.Node) bool {
	x := n.In(1)
	return elementType(n) == s.dtype && s.isBlockable(x) && !s.swells(sizes(x)) && product(sizes(x)) > 0
}

// batchNormGrad computes the gradients of a batch normalization, and of the rectifier downstream of it where that has been
// left to it.
func (s *selector) batchNormGrad(n *ir.Node, op *ops.BatchNormalizationGrad) (bool, error) {
	dy, x := n.In(0), n.In(1)
	if !s.normalizable(n) {
		return false, nil
	}
	nodes, relu := []*ir.Node{n}, s.rectified[n]
	if relu != nil {
		nodes, dy = append(nodes, relu), relu.In(0)
	}
	k, err := s.newBatchNorm(x, op.Epsilon, relu != nil)
	if err != nil {
		return false, err
	}
	from, d, y := s.read(x, Blocked), s.read(dy, Blocked), (*Array)(nil)
	if relu != nil {
		y = s.read(relu.In(1), Blocked)
	}
	scale := s.read(n.In(2), Plain)
	mo := s.batchMoments(n, k, from)
	reads := arrays(from, d, y, mo.mean, mo.variance)
	sums, dscale, dshift := s.floats("sums", k.SumsSize()), s.channelOutput(n.Out(1), x), s.channelOutput(n.Out(2), x)
	st := s.step(n, k, reads, arrays(sums, dscale, dshift), func(m *Memory, task, _ int) {
		k.GradMoments(task, m.F32(sums), m.F32(d), m.F32(from), m.F32(y), m.F32(mo.mean))
	})
	st.Algorithm, st.Helper, st.Nodes = "grad-moments", n.Out(0) != nil, nodes
	st.Phases = append(st.Phases, Phase{Tasks: k.FinishTasks(), Task: func(m *Memory, task, _ int) {
		k.GradFinish(task, m.F32(dscale), m.F32(dshift), m.F32(sums), m.F32(mo.variance))
	}})
	if n.Out(0) == nil {
		return true, nil
	}
	dx := s.write(n.Out(0), Blocked)
	st = s.step(n, k, append(reads[:len(reads):len(reads)], scale, dscale, dshift), arrays(dx), func(m *Memory, task, _ int) {
		k.GradRun(task, m.F32(dx), m.F32(d), m.F32(from), m.F32(y), kernel.BatchNormGrad{
			Mean: m.F32(mo.mean), Variance: m.F32(mo.variance), Scale: m.F32(scale), DScale: m.F32(dscale), DShift: m.F32(dshift),
		})
	})
	st.Nodes, st.Views = nodes, s.over(dx, d)
	return true, nil
}

// over lets an array be written where another lies, which is of the same size.
func (s *selector) over(y, x *Array) []View {
	if y.Len != x.Len || s.onlyReader(x.Value) == nil {
		return nil
	}
	s.overwritten[x] = true
	return []View{{Of: y, In: x, Kind: Overwrite}}
}

// channelOutput is an output of one number a channel, a temporary array where it is not wanted.
func (s *selector) channelOutput(v, x *ir.Value) *Array {
	if v == nil {
		return s.floats("unused", sizes(x)[1])
	}
	return s.write(v, Plain)
}
