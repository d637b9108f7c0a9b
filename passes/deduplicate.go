package passes

import (
	"bytes"
	"reflect"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// maxCompared bounds the bytes of constants that Deduplicate compares by content.
const maxCompared = 1 << 12

// Deduplicate lets nodes that compute the same from the same operands be one: operators, attributes and operands are
// compared whole, small constants by their content.
func Deduplicate(c *Context) error {
	type bucket struct { // what equal nodes have in common, and others may
		def  *ir.Def
		data *ir.Value // input 0 unless it is constant
	}
	first := map[bucket][]*ir.Node{}
	return c.eachNode(func(rw *ir.Rewriter, n *ir.Node) error {
		for range ir.Bodies(n.Op) { // they would have to be compared as graphs
			return nil
		}
		b := bucket{def: n.Op.Def()}
		if x := n.In(0); x != nil && x.Const() == nil {
			b.data = x
		}
		for _, m := range first[b] {
			if !rw.Removed(m) && sameNode(m, n) {
				return mergeInto(c, rw, m, n)
			}
		}
		first[b] = append(first[b], n)
		return nil
	})
}

// mergeInto lets m's outputs take the place of n's, which are the same.
func mergeInto(c *Context, rw *ir.Rewriter, m, n *ir.Node) error {
	for i, v := range n.Outputs() {
		if v != nil && needed(n, v) && rw.CanReplace(v, m.Out(i)) != nil {
			c.miss("both results are graph outputs")
			return nil
		}
	}
	for i, v := range n.Outputs() {
		if v != nil && needed(n, v) {
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
	if v == nil || w == nil || v.Const() == nil || w.Const() == nil {
		return false
	}
	a, b := v.Const(), w.Const()
	if a.DType() != b.DType() || !slices.Equal(a.Shape(), b.Shape()) {
		return false
	}
	if a.DType() == tensor.String {
		return a.Len()*16 <= maxCompared && slices.Equal(tensor.Data[string](a), tensor.Data[string](b))
	}
	return len(a.Bytes()) <= maxCompared && bytes.Equal(a.Bytes(), b.Bytes())
}
