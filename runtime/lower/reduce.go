package lower

import (
	"slices"

	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// reduce selects how a reduction, or the spreading that is the gradient of one, is computed.
func (s *selector) reduce(n *ir.Node) (bool, error) {
	switch op := n.Op.(type) {
	case *ops.ReduceMean:
		if s.followsBlocked(n) && overPlane(n, op.Reducing) {
			return s.blockedMean(n)
		}
		return s.reduceAxes(n, kernel.ReduceMean, op.Reducing)
	case *ops.ReduceSum:
		if done, err := s.biasGrad(n, op); done || err != nil {
			return done, err
		}
		return s.reduceAxes(n, kernel.ReduceSum, op.Reducing)
	case *ops.ReduceMax:
		return s.reduceAxes(n, kernel.ReduceMax, op.Reducing)
	case *ops.SumTo:
		return s.sumTo(n)
	case *ops.Expand:
		return s.spread(n)
	}
	return false, nil
}

// reduceAxes takes reductions whose axes are known.
func (s *selector) reduceAxes(n *ir.Node, op kernel.ReduceOp, a ops.Reducing) (bool, error) {
	var axes []int
	if v := n.In(1); v != nil {
		if v.Const() == nil {
			return false, nil
		}
		axes, _ = v.Const().AsInts()
	}
	reduced, err := a.Reduced(axes, len(n.In(0).Type().Shape))
	if err != nil || !slices.Contains(reduced, true) {
		return false, err
	}
	return s.reduceStep(n, op, reduced)
}

func (s *selector) reduceStep(n *ir.Node, op kernel.ReduceOp, reduced []bool) (bool, error) {
	k, err := kernel.NewReduce(kernel.ReduceSpec{Op: op, Shape: sizes(n.In(0)), Reduced: reduced, Split: s.split()})
	if err != nil {
		return false, err
	}
	return s.applyPlain(n, k)
}

// overPlane reports whether a reduction goes over the last two of four dimensions, and keeps them.
func overPlane(n *ir.Node, a ops.Reducing) bool {
	if !a.KeepDims || n.In(1) == nil || n.In(1).Const() == nil {
		return false
	}
	axes, _ := n.In(1).Const().AsInts()
	reduced, err := a.Reduced(axes, 4)
	return err == nil && slices.Equal(reduced, []bool{false, false, true, true})
}

// sumTo sums over the dimensions that broadcasting stretched.
func (s *selector) sumTo(n *ir.Node) (bool, error) {
	in, out := sizes(n.In(0)), sizes(n.Out(0))
	reduced := make([]bool, len(in))
	for d := range in {
		o := d - len(in) + len(out)
		reduced[d] = o < 0 || out[o] != in[d]
	}
	if !slices.Contains(reduced, true) {
		return false, nil
	}
	return s.reduceStep(n, kernel.ReduceSum, reduced)
}

// spread broadcasts one number for each plane, as the gradient of a mean over planes is.
func (s *selector) spread(n *ir.Node) (bool, error) {
	x, y := n.In(0), n.Out(0)
	if !s.isBlockable(y) || s.swells(sizes(y)) {
		return false, nil
	}
	out := sizes(y)
	if !slices.Equal(sizes(x), []int{out[0], out[1], 1, 1}) || out[1] < kernel.Block/2 {
		return false, nil
	}
	k, err := kernel.NewBlockedSpread(out[0], out[1], out[2]*out[3], s.split(), s.opts.Set)
	if err != nil {
		return false, err
	}
	return s.apply(n, k, s.read(x, Plain), s.write(y, Blocked))
}
