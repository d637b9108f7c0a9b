package lower

import (
	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// attention selects how attention and the softmax that it is made of are computed.
func (s *selector) attention(n *ir.Node) (bool, error) {
	switch op := n.Op.(type) {
	case *ops.Softmax:
		return s.softmax(n, op.Axis, false)
	case *ops.LogSoftmax:
		return s.softmax(n, op.Axis, true)
	case *ops.FusedAttention:
		return s.rowsAttention(n, op)
	}
	return false, nil
}

func (s *selector) softmax(n *ir.Node, axis int, log bool) (bool, error) {
	in := sizes(n.In(0))
	if axis < 0 {
		axis += len(in)
	}
	if axis < 0 || axis >= len(in) {
		return false, nil
	}
	k, err := kernel.NewSoftmax(kernel.SoftmaxSpec{
		Outer: product(in[:axis]), Axis: in[axis], Inner: product(in[axis+1:]), Log: log, Split: s.split(), Set: s.opts.Set,
	})
	if err != nil {
		return false, err
	}
	return s.applyPlain(n, k)
}

// rowsAttention computes all heads of all images, which lie in one plane.
func (s *selector) rowsAttention(n *ir.Node, op *ops.FusedAttention) (bool, error) {
	_, plane, c, ok := s.rowSizes(n.Out(0))
	if !ok || c%(op.Heads*kernel.Block) != 0 || c*plane == 0 || !(op.Scale > 0) {
		return false, nil
	}
	shape := sizes(n.Out(0))
	spec := kernel.AttentionSpec{
		N: shape[0], T: shape[1], Heads: op.Heads, Depth: c / op.Heads, Scale: op.Scale, Interleaved: op.TimeFirst,
		Split: s.split(), Set: s.opts.Set,
	}
	if op.TimeFirst {
		spec.N, spec.T = shape[1], shape[0]
	}
	k, err := kernel.NewAttention(spec)
	if err != nil {
		return false, err
	}
	x, y := s.read(n.In(0), Rows), s.write(n.Out(0), Rows)
	s.step(n, k, arrays(x), arrays(y), func(m *Memory, task, worker int) {
		k.Run(task, m.F32(y), m.F32(x), m.Scratch[worker])
	})
	return true, nil
}
