package passes

import (
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// fuseSiblings computes 1×1 convolutions of the same input and with the same activation as one, and splits the result
// for their readers; in the blocked layout the Split costs nothing. A convolution whose result a Concat reads stays as
// it is, because the runtime computes it in its place in the Concat.
func fuseSiblings(c *Context) error {
	seen := map[*ir.Node]bool{}
	return c.EachNode(func(rw *ir.Rewriter, n *ir.Node) error {
		if seen[n] || pointwise(n) == nil {
			return nil
		}
		var siblings []*ir.Node
		for _, use := range n.In(0).Uses() {
			if m := use.Node; !slices.Contains(siblings, m) && use.Index == 0 && joins(c, n, m) {
				siblings = append(siblings, m)
				seen[m] = true
			}
		}
		if len(siblings) < 2 {
			return nil
		}
		return joinSiblings(rw, siblings)
	})
}

// pointwise is a 1×1 convolution without groups, residual, pads or strides, of constant weights; nil for other nodes.
func pointwise(n *ir.Node) *ops.FusedConv {
	op, inputs := fusable(n)
	conv, ok := op.(*ops.FusedConv)
	if !ok || inputs[3] != nil || conv.Group != 1 || floats(inputs[1]) == nil || inputs[2] != nil && floats(inputs[2]) == nil {
		return nil
	}
	one := func(list []int, n int) bool { return !slices.ContainsFunc(list, func(m int) bool { return m != n }) }
	w := inputs[1].Const().Shape()
	if len(w) != 4 || !one(w[2:], 1) || !one(conv.Strides, 1) || !one(conv.Pads, 0) || conv.AutoPad != "NOTSET" || w[0]%blockSize != 0 {
		return nil
	}
	return conv
}

// blockSize: each sibling must have a multiple of so many channels, so that the Split falls between blocks, and a
// runtime that keeps channels in blocks copies nothing.
const blockSize = 16

// joins reports whether m can be computed with n.
func joins(c *Context, n, m *ir.Node) bool {
	a, b := pointwise(n), pointwise(m)
	switch {
	case b == nil:
		return false
	case a.Epilogue != b.Epilogue:
		c.Miss("the activations differ")
	case m.Out(0).IsOutput():
		c.Miss("a graph output")
	case slices.ContainsFunc(m.Out(0).Uses(), func(u ir.Use) bool { return isOp[*ops.Concat](u.Node) }):
		c.Miss("a Concat has it computed in place")
	default:
		return true
	}
	return false
}

func joinSiblings(rw *ir.Rewriter, siblings []*ir.Node) error {
	var w, b []float32
	var sizes []int64
	var names []string
	channels := siblings[0].In(1).Const().Dim(1)
	for _, n := range siblings {
		m := n.In(1).Const().Dim(0)
		w = append(w, floats(n.In(1))...)
		if bias := floats(n.In(2)); bias != nil {
			b = append(b, bias...)
		} else {
			b = append(b, make([]float32, m)...)
		}
		sizes = append(sizes, int64(m))
		names = append(names, rw.Graph().FreshName(n.Out(0).Name()+".part"))
	}
	first := siblings[0]
	op := *pointwise(first)
	y, err := rw.Insert(first, first.Name+".siblings", &op, first.In(0),
		rw.Const(first.In(1).Name()+".siblings", tensor.FromSlice(w, len(b), channels, 1, 1)), rw.Const(first.Name+".siblings.bias", tensor.FromSlice(b, len(b))))
	if err != nil {
		return err
	}
	parts, err := rw.InsertN(first, first.Name+".split", &ops.Split{Axis: 1},
		[]*ir.Value{y, rw.Const(first.Name+".split", tensor.FromSlice(sizes, len(sizes)))}, names...)
	if err != nil {
		return err
	}
	for i, n := range siblings {
		if err := rw.Replace(n.Out(0), parts.Out(i)); err != nil {
			return err
		}
	}
	return nil
}
