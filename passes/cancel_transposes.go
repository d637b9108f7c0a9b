package passes

import (
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// cancelTransposes finds a Transpose that undoes others upstream of it, where only elementwise operators and Concats
// lie between. Those can work on values that are not transposed. An operand that comes without a Transpose gets one, as
// long as there are fewer in all.
func cancelTransposes(c *Context) error {
	return c.EachNode(func(rw *ir.Rewriter, n *ir.Node) error {
		op, ok := n.Op.(*ops.Transpose)
		if !ok || n.In(0).Def() == nil || !movable(n.In(0).Def()) {
			return nil
		}
		perm, err := op.Permutation(len(n.In(0).Type().Shape))
		if err != nil || n.In(0).Type().Shape == nil {
			return err
		}
		r := &region{c: c, perm: perm, removed: 1}
		if !r.collect(n, n.In(0)) || r.removed <= r.inserted {
			if r.meets {
				c.Miss("not fewer Transposes, or what lies between is read elsewhere or cannot be moved")
			}
			return nil
		}
		y, err := r.move(rw, n, n.In(0))
		if err != nil {
			return err
		}
		return rw.Replace(n.Out(0), y)
	})
}

// region is nodes between Transposes. perm is that of the one at its end, and undoes those at its beginnings.
type region struct {
	c                 *Context
	perm              []int
	meets             bool // a Transpose at the beginning has been met
	removed, inserted int  // Transposes
	nodes             int
}

// maxRegion bounds the nodes of a region.
const maxRegion = 64

// collect counts the Transposes that would go and those that would come if v, which n reads, had its dimensions
// permuted.
func (r *region) collect(n *ir.Node, v *ir.Value) bool {
	def := v.Def()
	switch {
	case v.Const() != nil:
		return v.Type().Shape != nil
	case def != nil && r.undone(def):
		r.meets = true
		if inner(n, v) {
			r.removed++
		}
		return true
	case len(v.Type().Shape) != len(r.perm):
		return false
	case r.borders(v):
		r.inserted++
		return true
	}
	if r.nodes++; r.nodes > maxRegion {
		return false
	}
	for _, in := range def.Inputs() {
		if in != nil && !r.collect(def, in) {
			return false
		}
	}
	return true
}

// borders reports whether v is not computed in the region.
func (r *region) borders(v *ir.Value) bool {
	return v.Def() == nil || !movable(v.Def()) || onlyUse(v) == nil
}

// undone reports whether def is a Transpose that perm takes back.
func (r *region) undone(def *ir.Node) bool {
	op, ok := def.Op.(*ops.Transpose)
	if !ok || len(def.In(0).Type().Shape) != len(r.perm) {
		return false
	}
	first, err := op.Permutation(len(r.perm))
	if err != nil {
		return false
	}
	for i, d := range r.perm {
		if first[d] != i {
			return false
		}
	}
	return true
}

// move is v with its dimensions permuted, computed upstream of the node at: nodes of the region are made anew.
func (r *region) move(rw *ir.Rewriter, at *ir.Node, v *ir.Value) (*ir.Value, error) {
	def := v.Def()
	switch {
	case v.Const() != nil:
		return r.moveConst(rw, at, v)
	case def != nil && r.undone(def):
		return def.In(0), nil
	case r.borders(v):
		return rw.Insert(at, v.Name()+".transposed", &ops.Transpose{Perm: r.perm}, v)
	}
	op := def.Op
	if join, ok := op.(*ops.Concat); ok {
		axis := join.Axis
		if axis < 0 {
			axis += len(r.perm)
		}
		op = &ops.Concat{Axis: slices.Index(r.perm, axis)}
	}
	inputs := make([]*ir.Value, len(def.Inputs()))
	for i, in := range def.Inputs() {
		if in == nil {
			continue
		}
		var err error
		if inputs[i], err = r.move(rw, at, in); err != nil {
			return nil, err
		}
	}
	return rw.Insert(at, def.Name, op, inputs...)
}

// moveConst permutes a constant, which may have fewer dimensions than what it is broadcast to; folding does the rest.
func (r *region) moveConst(rw *ir.Rewriter, at *ir.Node, v *ir.Value) (*ir.Value, error) {
	t := v.Const()
	if t.Len() == 1 {
		return v, nil
	}
	shape := append(slices.Repeat([]int{1}, len(r.perm)-t.Rank()), t.Shape()...)
	return rw.Insert(at, v.Name()+".transposed", &ops.Transpose{Perm: r.perm}, rw.Const(v.Name(), t.Reshaped(shape...)))
}

// movable reports whether a node does the same whatever the order of its dimensions: elementwise operators, and Concat.
func movable(n *ir.Node) bool {
	switch n.Op.(type) {
	case *ops.Relu, *ops.LeakyRelu, *ops.Elu, *ops.Celu, *ops.Selu, *ops.Sigmoid, *ops.HardSigmoid, *ops.Tanh, *ops.Gelu,
		*ops.HardSwish, *ops.Swish, *ops.Mish, *ops.Softplus, *ops.Softsign, *ops.Erf, *ops.Exp, *ops.Log, *ops.Sqrt, *ops.Abs,
		*ops.Neg, *ops.Reciprocal, *ops.Floor, *ops.Ceil, *ops.Round, *ops.Clip, *ops.Cast,
		*ops.Add, *ops.Sub, *ops.Mul, *ops.Div, *ops.Pow, *ops.Max, *ops.Min, *ops.Sum, *ops.Mean, *ops.Concat:
		return n.Out(0).Type().Shape != nil
	}
	return false
}
