package passes

import (
	"bytes"
	"hash/maphash"
	"reflect"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// maxCompared bounds the bytes of constants that Deduplicate compares by content.
const maxCompared = 1 << 12

// deduplicate merges nodes that compute the same from the same operands. Operators and attributes are compared whole,
// operands by identity, small constants by their content.
func deduplicate(c *Context) error {
	type bucket struct { // what equal nodes have in common, and others may
		def      *ir.Def
		operands uint64
	}
	first, seed := map[bucket][]*ir.Node{}, maphash.MakeSeed()
	return c.EachNode(func(rw *ir.Rewriter, n *ir.Node) error {
		for range ir.Bodies(n.Op) { // they would have to be compared as graphs
			return nil
		}
		b := bucket{n.Op.Def(), hashOperands(seed, n)}
		for _, m := range first[b] {
			if !rw.Removed(m) && sameNode(m, n) {
				return mergeInto(c, rw, m, n)
			}
		}
		if len(first[b]) < maxAlike {
			first[b] = append(first[b], n)
		}
		return nil
	})
}

// maxAlike bounds the nodes with the same operands and other attributes that a node is compared with.
const maxAlike = 64

// hashOperands is the same for operands that are the same.
func hashOperands(seed maphash.Seed, n *ir.Node) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for _, v := range n.Inputs() {
		switch {
		case v == nil:
			h.WriteByte(0)
		case byContent(v):
			h.WriteByte(1)
			h.Write(v.Const().Bytes())
		default:
			maphash.WriteComparable(&h, v.ID())
		}
	}
	return h.Sum64()
}

// byContent reports whether a constant is compared by its content.
func byContent(v *ir.Value) bool {
	t := v.Const()
	switch {
	case t == nil:
		return false
	case t.DType() == tensor.String:
		return t.Len()*16 <= maxCompared
	}
	return len(t.Bytes()) <= maxCompared
}

// mergeInto lets m's outputs take the place of n's, which are the same.
func mergeInto(c *Context, rw *ir.Rewriter, m, n *ir.Node) error {
	for i, v := range n.Outputs() {
		if v != nil && needed(v) && rw.CanReplace(v, m.Out(i)) != nil {
			c.Miss("both results are graph outputs")
			return nil
		}
	}
	for i, v := range n.Outputs() {
		if v != nil && needed(v) {
			if err := rw.Replace(v, m.Out(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// sameNode reports whether m gives all that n does.
func sameNode(m, n *ir.Node) bool {
	if !slices.EqualFunc(m.Inputs(), n.Inputs(), sameValue) || len(m.Outputs()) < len(n.Outputs()) || !reflect.DeepEqual(m.Op, n.Op) {
		return false
	}
	for i, v := range n.Outputs() {
		if v != nil && m.Out(i) == nil {
			return false
		}
	}
	return true
}

// sameValue reports whether two operands are the same value, or constants of the same content.
func sameValue(v, w *ir.Value) bool {
	if v == w {
		return true
	}
	if v == nil || w == nil || !byContent(v) || !byContent(w) {
		return false
	}
	a, b := v.Const(), w.Const()
	if a.DType() != b.DType() || !slices.Equal(a.Shape(), b.Shape()) {
		return false
	}
	if a.DType() == tensor.String {
		return slices.Equal(tensor.Data[string](a), tensor.Data[string](b))
	}
	return bytes.Equal(a.Bytes(), b.Bytes())
}
