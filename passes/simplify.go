package passes

import (
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// simplify removes nodes that give their input as it is, and lets a Transpose, Reshape or Cast of another one's result
// read what that one reads. Results stay the same to the bit.
func simplify(c *Context) error {
	return c.EachNode(func(rw *ir.Rewriter, n *ir.Node) error {
		var err error
		switch op := n.Op.(type) {
		case *ops.Transpose:
			err = mergeTransposes(rw, n, op)
		case *ops.Reshape:
			err = mergeReshapes(rw, n, op)
		case *ops.Cast:
			err = mergeCasts(rw, n)
		}
		if x := chosen(n); x != nil && x.Type().Shape.Same(n.Out(0).Type().Shape) && rw.CanReplace(n.Out(0), x) == nil {
			return rw.Replace(n.Out(0), x)
		}
		if _, drops := n.Op.(*ops.Dropout); drops && c.Training {
			return nil
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
		if i > 0 && v != nil && needed(v) {
			return false
		}
	}
	x, shape := n.In(0), n.In(0).Type().Shape
	switch op := n.Op.(type) {
	case *ops.Identity:
		return true
	case *ops.Dropout:
		none, ok := scalar(n.In(1)) // a ratio of 0 drops none, even where a model is in training
		training := n.In(2).Const()
		return n.In(2) == nil || ok && none == 0 || training != nil && !slices.Contains(tensor.Data[bool](training), true)
	case *ops.Cast:
		return op.To == x.Type().DType
	case *ops.Concat, *ops.Sum, *ops.Mean, *ops.Max, *ops.Min:
		return len(n.Inputs()) == 1
	case *ops.Transpose:
		perm, err := op.Permutation(len(shape))
		return err == nil && shape != nil && slices.IsSorted(perm)
	case *ops.Reshape, *ops.Flatten, *ops.Squeeze, *ops.Unsqueeze, *ops.Expand:
		return shape.Same(n.Out(0).Type().Shape)
	case *ops.Pad:
		return constantOf(n.In(1), 0)
	case *ops.Slice:
		return shape.Same(n.Out(0).Type().Shape) && (n.In(4) == nil || constantOf(n.In(4), 1))
	case *ops.Tile:
		return constantOf(n.In(1), 1)
	case *ops.Split:
		return len(n.Outputs()) == 1
	case *ops.Div, *ops.Pow:
		one, ok := scalar(n.In(1))
		return ok && one == 1 && shape.Same(n.Out(0).Type().Shape)
	case *ops.Sub: // a sum with 0 would make 0 of -0
		zero, ok := scalar(n.In(1))
		return ok && zero == 0 && !math.Signbit(zero) && shape.Same(n.Out(0).Type().Shape)
	}
	return false
}

// constantOf reports whether v is a constant of integers that are all n.
func constantOf(v *ir.Value, n int) bool {
	if v == nil || v.Const() == nil {
		return false
	}
	ints, ok := v.Const().AsInts()
	return ok && !slices.ContainsFunc(ints, func(m int) bool { return m != n })
}

// chosen is the operand that n passes on: of a Where with a constant condition the one that is chosen everywhere, of a
// Mul the one that is multiplied by 1; nil if there is none.
func chosen(n *ir.Node) *ir.Value {
	switch n.Op.(type) {
	case *ops.Where:
		c := n.In(0).Const()
		if c == nil || c.Len() == 0 {
			return nil
		}
		all := tensor.Data[bool](c)
		if slices.Contains(all, !all[0]) {
			return nil
		}
		if all[0] {
			return n.In(1)
		}
		return n.In(2)
	case *ops.Mul:
		for i := range 2 {
			if one, ok := scalar(n.In(i)); ok && one == 1 {
				return n.In(1 - i)
			}
		}
	}
	return nil
}

// mergeCasts merges two Casts in turn where the first one loses nothing, so that the second can read what the first
// read. Casts to text are left alone, because the text of a number depends on its type.
func mergeCasts(rw *ir.Rewriter, n *ir.Node) error {
	first := n.In(0).Def()
	if first == nil || n.Op.(*ops.Cast).To == tensor.String || !isOp[*ops.Cast](first) || !keepsAll(first.In(0).Type().DType, n.In(0).Type().DType) {
		return nil
	}
	return rw.SetInput(n, 0, first.In(0))
}

// keepsAll reports whether every value of an element type is one of another, too.
func keepsAll(from, to tensor.DType) bool {
	const floats, signed, unsigned = 1, 2, 3
	type format struct{ kind, exact, reach int } // bits of whole numbers that are exact, and of the exponent
	formats := map[tensor.DType]format{
		tensor.Float16: {floats, 11, 5}, tensor.BFloat16: {floats, 8, 8}, tensor.Float32: {floats, 24, 8}, tensor.Float64: {floats, 53, 11},
		tensor.Int8: {signed, 7, 0}, tensor.Int16: {signed, 15, 0}, tensor.Int32: {signed, 31, 0}, tensor.Int64: {signed, 63, 0},
		tensor.Bool: {unsigned, 1, 0}, tensor.Uint8: {unsigned, 8, 0}, tensor.Uint16: {unsigned, 16, 0}, tensor.Uint32: {unsigned, 32, 0}, tensor.Uint64: {unsigned, 64, 0},
	}
	f, ok := formats[from]
	t, ok2 := formats[to]
	switch {
	case !ok || !ok2 || to == tensor.Bool && from != tensor.Bool || f.exact > t.exact:
		return false
	case f.kind == floats:
		return t.kind == floats && f.reach <= t.reach
	case t.kind == floats:
		return true // beyond what is exact, no integer type reaches
	}
	return f.kind == unsigned || t.kind == signed
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

// mergeReshapes lets a Reshape read past operators that only give their input another shape, if its result does not
// depend on that shape. Where such an operator might refuse an input of a wrong size it stays.
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

// onlyReshapes reports whether a node gives the elements of input 0 another shape and does nothing else, also where the
// model is to be taught.
func onlyReshapes(n *ir.Node) bool {
	return n != nil && ir.Shares(n) && !isOp[*ops.Dropout](n)
}
