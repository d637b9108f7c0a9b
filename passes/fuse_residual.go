package passes

import (
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// fuseResidual lets a convolution or linear layer add what its result is added to. Where both summands are such layers,
// it is the later one.
func fuseResidual(c *Context) error {
	place := map[*ir.Node]int{}
	for i, n := range c.Graph.Nodes() {
		place[n] = i
	}
	return c.EachNode(func(rw *ir.Rewriter, n *ir.Node) error {
		if !isOp[*ops.Add](n) && !(isOp[*ops.Sum](n) && len(n.Inputs()) == 2) {
			return nil
		}
		first := 0
		if a, b := source(n, 0), source(n, 1); a != nil && b != nil && place[b] > place[a] {
			first = 1
		}
		for _, i := range []int{first, 1 - first} {
			fused, err := addResidual(c, rw, n, i)
			if fused || err != nil {
				return err
			}
		}
		return nil
	})
}

// addResidual turns the sum n into the layer that computes its summand i, with the other summand as residual. The layer
// moves to the place of n, where both summands have been computed.
func addResidual(c *Context, rw *ir.Rewriter, n *ir.Node, i int) (done bool, err error) {
	def, residual := n.In(i).Def(), n.In(1-i)
	if def == nil {
		return false, nil
	}
	if isOp[*ops.Transpose](def) {
		return addThroughTranspose(c, rw, n, def, residual)
	}
	op, inputs := fusable(def)
	if op == nil || !canAdd(c, op, inputs, n, n.In(i), residual) {
		return false, nil
	}
	if isDepthwise(def) {
		c.Miss("a depthwise convolution adds no residual")
		return false, nil
	}
	inputs[3] = residual
	return true, rw.SetNode(n, op, inputs...)
}

// canAdd reports whether a fused operator of these inputs, whose result n reads as v, can add a residual; it records why
// not.
func canAdd(c *Context, op ir.Op, inputs []*ir.Value, n *ir.Node, v, residual *ir.Value) bool {
	switch {
	case residual.Const() != nil:
		c.Miss("the residual is constant")
	case !v.Type().Shape.Same(residual.Type().Shape):
		c.Miss("the residual is broadcast, or a shape is not known")
	case inputs[3] != nil:
		c.Miss("the layer has a residual already")
	case epilogueOf(op).Activation != "none":
		c.Miss("an activation stands between the layer and the sum")
	default:
		return c.Alone(n, v)
	}
	return false
}

// addThroughTranspose is for a linear layer whose result is transposed, channels second, when n adds the residual: the
// layer adds the residual, transposed the other way. In the blocked layout both Transposes cost nothing.
func addThroughTranspose(c *Context, rw *ir.Rewriter, n, transpose *ir.Node, residual *ir.Value) (done bool, err error) {
	linear := transpose.In(0).Def()
	if linear == nil || !isOp[*ops.FusedLinear](linear) || !slices.Equal(transpose.Op.(*ops.Transpose).Perm, []int{0, 3, 1, 2}) {
		return false, nil
	}
	op, inputs := fusable(linear)
	if !canAdd(c, op, inputs, n, transpose.Out(0), residual) || !c.Alone(transpose, linear.Out(0)) {
		return false, nil
	}
	inputs[3], err = rw.Insert(n, n.Name+".residual", &ops.Transpose{Perm: []int{0, 2, 3, 1}}, residual)
	if err != nil {
		return false, err
	}
	if err := rw.SetNode(linear, op, inputs...); err != nil {
		return false, err
	}
	return true, rw.Become(n.Out(0), transpose.Out(0))
}

// isDepthwise reports whether a convolution takes each channel by itself: the kernels of those add no residual.
func isDepthwise(n *ir.Node) bool {
	op, ok := n.Op.(*ops.Conv)
	if !ok || op.Group == 1 {
		return false
	}
	w := n.In(1).Type().Shape
	return len(w) > 1 && w[1] == ir.Known(1)
}

// fusable is the fused form of a convolution or linear layer, with a place for each of its four inputs; nil for others.
func fusable(n *ir.Node) (ir.Op, []*ir.Value) {
	inputs := []*ir.Value{n.In(0), n.In(1), n.In(2), n.In(3)}
	switch op := n.Op.(type) {
	case *ops.Conv:
		fused := ir.New[ops.FusedConv]()
		fused.Conv = *op
		return fused, inputs
	case *ops.FusedConv:
		fused := *op
		return &fused, inputs
	case *ops.FusedLinear:
		fused := *op
		return &fused, inputs
	}
	return nil, nil
}

// epilogueOf is the part of a fused operator that says how it ends.
func epilogueOf(op ir.Op) *ops.Epilogue {
	switch op := op.(type) {
	case *ops.FusedConv:
		return &op.Epilogue
	case *ops.FusedLinear:
		return &op.Epilogue
	}
	return nil
}
