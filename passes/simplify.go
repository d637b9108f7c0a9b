package passes

import (
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// Simplify removes nodes that give their input as it is, and lets a Transpose or Reshape of another one's result read
// what that one reads. Results stay the same to the bit.
func Simplify(c *Context) error {
	return c.eachNode(func(rw *ir.Rewriter, n *ir.Node) error {
		var err error
		switch op := n.Op.(type) {
		case *ops.Transpose:
			err = mergeTransposes(rw, n, op)
		case *ops.Reshape:
			err = mergeReshapes(rw, n, op)
		}
		if err == nil && givesInput(n) && rw.CanReplace(n.Out(0), n.In(0)) == nil {
			err = rw.Replace(n.Out(0), n.In(0))
		}
		return err
	})
}

// givesInput reports whether output 0 of n is its input 0, and nobody reads another output.
func givesInput(n *ir.Node) bool {
	for i, v := range n.Outputs() {
		if i > 0 && v != nil && needed(n, v) {
			return false
		}
	}
	x, shape := n.In(0), n.In(0).Type().Shape
	switch op := n.Op.(type) {
	case *ops.Identity:
		return true
	case *ops.Dropout:
		return n.In(2) == nil || n.In(2).Const() != nil && !tensor.Data[bool](n.In(2).Const())[0]
	case *ops.Cast:
		return op.To == x.Type().DType
	case *ops.Concat, *ops.Sum, *ops.Mean, *ops.Max, *ops.Min:
		return len(n.Inputs()) == 1
	case *ops.Transpose:
		perm, err := op.Permutation(len(shape))
		return err == nil && shape != nil && slices.IsSorted(perm)
	case *ops.Reshape, *ops.Flatten, *ops.Squeeze, *ops.Unsqueeze, *ops.Expand:
		return shape.Same(n.Out(0).Type().Shape)
	}
	return false
}

// mergeTransposes lets a Transpose of a Transpose do the work of both.
func mergeTransposes(rw *ir.Rewriter, n *ir.Node, second *ops.Transpose) error {
	before := n.In(0).Def()
	if before == nil {
		return nil
	}
	first, ok := before.Op.(*ops.Transpose)
	shape := n.In(0).Type().Shape
	if !ok || shape == nil {
		return nil
	}
	p, err := first.Permutation(len(shape))
	if err != nil {
		return err
	}
	q, err := second.Permutation(len(shape))
	if err != nil {
		return err
	}
	perm := make([]int, len(q))
	for i, d := range q {
		perm[i] = p[d]
	}
	return rw.SetNode(n, &ops.Transpose{Perm: perm}, before.In(0))
}

// mergeReshapes lets a Reshape that does not look at its input's shape skip operators that only give its input's
// elements that shape. Where they might refuse an input of a wrong size, they stay.
func mergeReshapes(rw *ir.Rewriter, n *ir.Node, op *ops.Reshape) error {
	to := n.In(1).Const()
	if to == nil {
		return nil
	}
	if sizes, ok := to.AsInts(); !ok || slices.Contains(sizes, 0) {
		return nil
	}
	x := n.In(0)
	for onlyReshapes(x.Def()) && x.Type().Shape.Count().Same(x.Def().In(0).Type().Shape.Count()) {
		x = x.Def().In(0)
	}
	if x == n.In(0) {
		return nil
	}
	return rw.SetInput(n, 0, x)
}

// onlyReshapes reports whether a node gives the elements of input 0 another shape and does nothing else.
func onlyReshapes(n *ir.Node) bool {
	if n == nil {
		return false
	}
	switch n.Op.(type) {
	case *ops.Reshape, *ops.Flatten, *ops.Squeeze, *ops.Unsqueeze:
		return true
	}
	return false
}
