package lower

import (
	"reflect"
	"slices"

	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// pool selects how a pooling or the gradient of one is computed.
func (s *selector) pool(n *ir.Node) (bool, error) {
	switch op := n.Op.(type) {
	case *ops.MaxPool:
		if n.Out(1) != nil { // indices
			return false, nil
		}
		return s.windowPool(n, kernel.MaxPool, false, op.Window)
	case *ops.AveragePool:
		return s.windowPool(n, kernel.AveragePool, op.CountIncludePad, op.Window)
	case *ops.GlobalAveragePool:
		if s.followsBlocked(n) {
			return s.blockedMean(n)
		}
		return s.globalPool(n, kernel.ReduceMean)
	case *ops.GlobalMaxPool:
		return s.globalPool(n, kernel.ReduceMax)
	case *ops.MaxPoolGrad:
		return s.maxPoolGrad(n, op)
	case *ops.AveragePoolGrad:
		return s.averagePoolGrad(n, op)
	}
	return false, nil
}

// windowPool computes a pooling by a window, on blocked data where the input is.
func (s *selector) windowPool(n *ir.Node, kind kernel.PoolKind, countPad bool, window windowOf) (bool, error) {
	if s.followsBlocked(n) {
		spec := kernel.BlockedPoolSpec{Kind: kind, CountIncludePad: countPad}
		if ok, err := s.describePool(n, &spec, window); err != nil {
			return false, err
		} else if ok {
			return s.blockedPool(n, spec)
		}
	}
	in := sizes(n.In(0))
	if !hasSpatial(in) {
		return false, nil
	}
	w, err := window(in[2:])
	if err != nil {
		return false, err
	}
	k, err := kernel.NewPool(kernel.PoolSpec{
		Kind: kind, CountIncludePad: countPad, Planes: in[0] * in[1], Spatial: spatial(w), PadsEnd: w.PadEnd, Split: s.split(),
	})
	if err != nil {
		return false, err
	}
	return s.applyPlain(n, k)
}

func (s *selector) blockedPool(n *ir.Node, spec kernel.BlockedPoolSpec) (bool, error) {
	k, err := kernel.NewBlockedPool(spec)
	if err != nil {
		return false, err
	}
	return s.apply(n, k, s.read(n.In(0), Blocked), s.write(n.Out(0), Blocked))
}

// describePool completes the description of a pooling, whose kind is known; ok is false where blocked data cannot have it.
func (s *selector) describePool(n *ir.Node, spec *kernel.BlockedPoolSpec, window windowOf) (ok bool, err error) {
	w, err := s.describePoolOf(n.In(0), spec, window)
	return err == nil && (spec.C%kernel.Block == 0 || !meetsNothing(w)), err // -Inf in the padding of the channels
}

// describePoolOf completes the description of a pooling of x, whose kind is known.
func (s *selector) describePoolOf(x *ir.Value, spec *kernel.BlockedPoolSpec, window windowOf) (ops.Window, error) {
	in := sizes(x)
	w, err := window(in[2:])
	spec.N, spec.C, spec.Spatial, spec.PadsEnd = in[0], in[1], spatial(w), w.PadEnd
	spec.Split, spec.Set = s.split(), s.opts.Set
	return w, err
}

// meetsNothing reports whether a window may lie outside of the input as a whole.
func meetsNothing(w ops.Window) bool {
	for d := range w.In {
		last := (w.Out[d]-1)*w.Stride[d] - w.PadBegin[d]
		if w.PadBegin[d] >= (w.Kernel[d]-1)*w.Dilation[d]+1 || last >= w.In[d] || w.Dilation[d] > w.In[d] {
			return true
		}
	}
	return false
}

// globalPool reduces over all spatial dimensions.
func (s *selector) globalPool(n *ir.Node, op kernel.ReduceOp) (bool, error) {
	reduced := slices.Repeat([]bool{true}, len(sizes(n.In(0))))
	reduced[0], reduced[1] = false, false
	return s.reduceStep(n, op, reduced)
}

// blockedMean computes the mean over each plane of blocked data; the result is plain.
func (s *selector) blockedMean(n *ir.Node) (bool, error) {
	in := sizes(n.In(0))
	k, err := kernel.NewBlockedMean(in[0], in[1], in[2]*in[3], s.split(), s.opts.Set)
	if err != nil {
		return false, err
	}
	return s.apply(n, k, s.read(n.In(0), Blocked), s.write(n.Out(0), Plain))
}

// maxPoolGrad spreads the gradient of a maximum. The maximum itself comes from the pooling, if that is in the graph, or is
// computed anew.
func (s *selector) maxPoolGrad(n *ir.Node, op *ops.MaxPoolGrad) (bool, error) {
	dy, x := n.In(0), n.In(1)
	if !s.isBlockable(dy) || !s.isBlockable(x) || !s.isBlockable(n.Out(0)) || s.swells(sizes(x)) {
		return false, nil
	}
	spec := kernel.BlockedPoolSpec{Kind: kernel.MaxPool}
	if _, err := s.describePoolOf(x, &spec, op.Window); err != nil {
		return false, err
	}
	from, d := s.read(x, Blocked), s.read(dy, Blocked)
	y, err := s.maxima(n, &op.MaxPool, spec, from)
	if err != nil {
		return false, err
	}
	return s.poolGrad(n, spec, d, from, y)
}

// maxima is what a pooling of x, of which n is the gradient, gave.
func (s *selector) maxima(n *ir.Node, op *ops.MaxPool, spec kernel.BlockedPoolSpec, x *Array) (*Array, error) {
	for _, use := range n.In(1).Uses() {
		forward, ok := use.Node.Op.(*ops.MaxPool)
		if !ok || use.Node.Graph() != s.Graph || !reflect.DeepEqual(forward, op) || !s.isIn(use.Node.Out(0), Blocked) {
			continue
		}
		if y := use.Node.Out(0); !s.overwritten[s.array(y, Blocked)] {
			return s.read(y, Blocked), nil
		}
	}
	k, err := kernel.NewBlockedPool(spec)
	if err != nil {
		return nil, err
	}
	y := s.floats("maxima", BlockedLen(spec.N, spec.C, product(spec.Out)))
	s.helper(n, algorithm(k), arrays(x), arrays(y), s.phase(k, func(m *Memory, task, _ int) { k.Run(task, m.F32(y), m.F32(x)) }))
	return y, nil
}

func (s *selector) averagePoolGrad(n *ir.Node, op *ops.AveragePoolGrad) (bool, error) {
	dy := n.In(0)
	if !s.isBlockable(dy) || !s.isBlockable(n.Out(0)) || s.swells(sizes(n.Out(0))) {
		return false, nil
	}
	spec := kernel.BlockedPoolSpec{Kind: kernel.AveragePool, CountIncludePad: op.CountIncludePad}
	if _, err := s.describePoolOf(n.Out(0), &spec, op.Window); err != nil {
		return false, err
	}
	return s.poolGrad(n, spec, s.read(dy, Blocked), nil, nil)
}

// poolGrad makes the step of the gradient n of a pooling, whose x and y are nil for an average, and with it that of the
// elementwise function that alone reads it: plane by plane, while it is in the cache.
func (s *selector) poolGrad(n *ir.Node, spec kernel.BlockedPoolSpec, dy, x, y *Array) (bool, error) {
	next, err := s.downstreamOfPool(n)
	if err != nil {
		return false, err
	}
	if next != nil {
		spec.Split = max(spec.Split, spec.N*kernel.Blocks(spec.C))
	}
	k, err := kernel.NewBlockedPoolGrad(spec)
	if err != nil {
		return false, err
	}
	if next == nil {
		dx := s.write(n.Out(0), Blocked)
		s.step(n, k, arrays(dy, x, y), arrays(dx), func(m *Memory, task, _ int) {
			k.Run(task, m.F32(dx), m.F32(dy), m.F32(x), m.F32(y))
		})
		return true, nil
	}
	dx, v := s.write(next.Out(0), Blocked), s.read(next.In(1), Blocked)
	through, err := s.newPointwiseGrad(next.Op.(*ops.PointwiseGrad), dx.Len)
	if err != nil {
		return false, err
	}
	st := s.step(n, k, arrays(dy, x, y, v), arrays(dx), func(m *Memory, task, _ int) {
		to := m.F32(dx)
		k.Run(task, to, m.F32(dy), m.F32(x), m.F32(y))
		lo, hi := k.Elements(task)
		through.Part(to[lo:hi], to[lo:hi], m.F32(v)[lo:hi])
	})
	st.Nodes = append(st.Nodes, next)
	s.covered[next] = true
	return true, nil
}

// downstreamOfPool is the gradient of an elementwise function, in the blocked layout, that alone reads the gradient n of a
// pooling; nil if there is none.
func (s *selector) downstreamOfPool(n *ir.Node) (*ir.Node, error) {
	next := s.onlyReader(n.Out(0))
	if next == nil {
		return nil, nil
	}
	op, ok := next.Op.(*ops.PointwiseGrad)
	if !ok || elementType(next) != s.dtype || next.In(0) != n.Out(0) || !s.isIn(next.In(1), Blocked) ||
		!slices.Equal(sizes(next.In(0)), sizes(next.In(1))) {
		return nil, nil
	}
	if norm := s.onlyReader(next.Out(0)); op.Of == "Relu" && norm != nil {
		if _, ok := norm.Op.(*ops.BatchNormalizationGrad); ok { // which does it itself
			return nil, nil
		}
	}
	if fits, err := keepsPadding(op); !fits || err != nil {
		return nil, err
	}
	return next, nil
}
