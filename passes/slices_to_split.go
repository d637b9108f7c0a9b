package passes

import (
	"cmp"
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// slicesToSplit makes one Split of the Slices that cut a value into parts along a dimension.
func slicesToSplit(c *Context) error {
	seen := map[*ir.Node]bool{}
	return c.EachNode(func(rw *ir.Rewriter, n *ir.Node) error {
		first, ok := partOf(n)
		if !ok || seen[n] {
			return nil
		}
		var parts []part
		for _, use := range n.In(0).Uses() {
			if p, ok := partOf(use.Node); ok && use.Index == 0 && p.axis == first.axis {
				parts = append(parts, p)
				seen[use.Node] = true
			}
		}
		if len(parts) < 2 {
			return nil
		}
		slices.SortStableFunc(parts, func(a, b part) int { return cmp.Compare(a.start, b.start) })
		at := 0
		for _, p := range parts {
			if p.start != at || p.end <= p.start {
				c.Miss("the Slices overlap or leave something out")
				return nil
			}
			at = p.end
		}
		if at != n.In(0).Type().Shape[first.axis].N {
			c.Miss("the Slices overlap or leave something out")
			return nil
		}
		return splitInto(rw, n, parts)
	})
}

// part is what a Slice takes: the places from start to before end along one dimension.
type part struct {
	node             *ir.Node
	axis, start, end int
}

// partOf is n as a part of what it reads; ok is false where it takes anything else, or what is not known.
func partOf(n *ir.Node) (p part, ok bool) {
	shape := n.In(0).Type().Shape
	if !isOp[*ops.Slice](n) || n.In(4) != nil && !constantOf(n.In(4), 1) {
		return p, false
	}
	var numbers [3]int
	for i := range numbers { // starts, ends, axes
		v := n.In(i + 1)
		if v == nil {
			continue // the first axis
		}
		if v.Const() == nil {
			return p, false
		}
		list, _ := v.Const().AsInts()
		if len(list) != 1 {
			return p, false
		}
		numbers[i] = list[0]
	}
	axis := numbers[2]
	if axis < 0 {
		axis += len(shape)
	}
	if axis < 0 || axis >= len(shape) || !shape[axis].IsKnown() {
		return p, false
	}
	size := shape[axis].N
	place := func(i int) int {
		if i < 0 {
			i = max(i, -math.MaxInt/2) + size
		}
		return min(max(i, 0), size)
	}
	return part{n, axis, place(numbers[0]), place(numbers[1])}, true
}

// splitInto puts a Split in the place of the parts, of which n is the first.
func splitInto(rw *ir.Rewriter, n *ir.Node, parts []part) error {
	var sizes []int64
	var names []string
	for _, p := range parts {
		sizes = append(sizes, int64(p.end-p.start))
		names = append(names, rw.Graph().FreshName(p.node.Out(0).Name()+".part"))
	}
	split, err := rw.InsertN(n, n.Name+".split", &ops.Split{Axis: parts[0].axis},
		[]*ir.Value{n.In(0), rw.Const(n.Name+".split", tensor.FromSlice(sizes, len(sizes)))}, names...)
	if err != nil {
		return err
	}
	for i, p := range parts {
		if err := rw.Replace(p.node.Out(0), split.Out(i)); err != nil {
			return err
		}
	}
	return nil
}
