// Package passes holds the functions from graph to graph. A pass that needs to run a node is handed an evaluator.
package passes

import (
	"errors"
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// maxFolded is how many bytes larger than its inputs a folded constant may be: an expansion is better computed when it
// is needed than kept in memory and in files.
const maxFolded = 1 << 20

// The limits of what folding may take, for one node and for all: a few seconds of work, and bytes in proportion to the
// constants of the graph. A node that would take more is left to the run, which can be interrupted.
const (
	maxNodeWork  = 1 << 30
	maxWork      = math.MaxInt32 * (1 + (math.MaxInt >> 62)) // 2^31 where int has 32 bits, else 2^32
	maxFoldBytes = 1 << 28
	maxFoldTimes = 4
)

// foldBudget is what the evaluations of all passes together may take.
func foldBudget(g *ir.Graph) *ir.Budget {
	b := &ir.Budget{Work: maxWork, Bytes: maxFoldBytes}
	for _, v := range g.Values() {
		if t := v.Const(); t != nil {
			b.Bytes += maxFoldTimes * len(t.Bytes())
		}
	}
	return b
}

// fold replaces by constants what does not depend on the graph's inputs, and shape-like values whose elements are known
// numbers, and removes what is no longer needed.
func fold(c *Context) error {
	g := c.Graph
	for range maxRounds { // a constant may let inference know more
		rw := ir.NewRewriter(g)
		hits := 0
		for _, n := range slices.Clone(g.Nodes()) {
			h, err := c.foldNode(rw, n)
			if err != nil {
				return err
			}
			hits += h
			c.hits += h
		}
		rw.RemoveDead()
		if err := rw.Done(); err != nil {
			return err
		}
		if hits == 0 {
			break
		}
	}
	return nil
}

// foldNode folds what it can of a node's outputs and returns how many.
func (c *Context) foldNode(rw *ir.Rewriter, n *ir.Node) (hits int, err error) {
	if err := c.stopped(); err != nil {
		return 0, err
	}
	hits, missing, err := foldKnown(rw, n)
	if err != nil || missing == 0 {
		return hits, err
	}
	out, limit, err := c.outputsOf(n)
	if err != nil {
		return hits, err
	}
	for i, t := range out {
		if v := n.Out(i); v != nil && needed(v) && len(t.Bytes()) <= limit {
			if err := rw.Replace(v, rw.Const(v.Name(), t)); err != nil {
				return hits, err
			}
			hits++
		}
	}
	return hits, nil
}

// foldKnown folds the outputs whose elements inference knows, and returns how many those are and how many others are
// needed.
func foldKnown(rw *ir.Rewriter, n *ir.Node) (hits, missing int, err error) {
	for _, v := range n.Outputs() {
		if v == nil || !needed(v) {
			continue
		}
		t := knownElements(v)
		if t == nil {
			t = knownEquality(n)
		}
		if t == nil {
			missing++
			continue
		}
		if err := rw.Replace(v, rw.Const(v.Name(), t)); err != nil {
			return hits, missing, err
		}
		hits++
	}
	return hits, missing, nil
}

// outputsOf evaluates a node of constant inputs, and says how large a constant may be that takes an output's place. It
// gives none where an input is not constant, or where outputs or the work would be beyond bounds.
func (c *Context) outputsOf(n *ir.Node) (out []*tensor.Tensor, limit int, err error) {
	for range ir.Bodies(n.Op) { // control flow may take for ever, and only a Run can be interrupted
		return nil, 0, nil
	}
	in := make([]*tensor.Tensor, len(n.Inputs()))
	for i, v := range n.Inputs() {
		if v == nil {
			continue
		}
		if in[i] = v.Const(); in[i] == nil {
			return nil, 0, nil
		}
		limit += len(in[i].Bytes())
	}
	limit += maxFolded
	for _, v := range n.Outputs() {
		if v != nil && !fits(v.Type(), limit) {
			return nil, 0, nil
		}
	}
	out, err = c.evaluate(n, in, 4*limit) // halves are widened meanwhile
	var large *ir.MemoryError
	if errors.Is(err, ir.ErrBudget) || errors.As(err, &large) {
		return nil, 0, nil
	}
	return out, limit, err
}

// evaluate runs a node's reference on constants, within what is set aside for one node and for all of them.
func (c *Context) evaluate(n *ir.Node, in []*tensor.Tensor, bytes int) ([]*tensor.Tensor, error) {
	own := ir.Budget{Work: maxNodeWork, Bytes: bytes}
	if c.Budget != nil {
		own = ir.Budget{Work: min(own.Work, c.Budget.Work), Bytes: min(own.Bytes, c.Budget.Bytes)}
	}
	left := own
	out, err := ir.Eval(c.Ctx, n, in, ir.Host{Budget: &left})
	if c.Budget != nil {
		c.Budget.Work -= own.Work - max(left.Work, 0)
		if err == nil {
			c.Budget.Bytes -= own.Bytes - left.Bytes
		}
	}
	return out, err
}

// needed reports whether anything reads v; a graph output always is.
func needed(v *ir.Value) bool {
	return len(v.Uses()) > 0 || v.IsOutput()
}

// fits reports whether a value of the type takes at most limit bytes, as far as is known.
func fits(t ir.Type, limit int) bool {
	n := t.Shape.Count()
	return !n.IsKnown() || n.N <= limit/max(t.DType.Size(), 1)
}

// knownElements is the tensor of a value whose elements inference knows, else nil.
func knownElements(v *ir.Value) *tensor.Tensor {
	if v.Dims() == nil || v.Const() != nil || v.Type().Shape == nil {
		return nil
	}
	ints, ok := ir.Shape(v.Dims()).Ints()
	shape, ranked := v.Type().Shape.Ints()
	if !ok || !ranked {
		return nil
	}
	switch v.Type().DType {
	case tensor.Int64:
		return tensor.FromSlice(castInts[int64](ints), shape...)
	case tensor.Int32:
		return tensor.FromSlice(castInts[int32](ints), shape...)
	}
	return nil
}

// knownEquality is what an Equal of shape-like values gives, nil where that depends on sizes that are not known. Exporters
// compare dimensions with -1, which none is.
func knownEquality(n *ir.Node) *tensor.Tensor {
	if !isOp[*ops.Equal](n) {
		return nil
	}
	a, b := n.In(0).Dims(), n.In(1).Dims()
	shape, ok := n.Out(0).Type().Shape.Ints()
	if !ok || len(a) == 0 || len(b) == 0 || len(a) != len(b) && len(a) != 1 && len(b) != 1 {
		return nil
	}
	equal := make([]bool, max(len(a), len(b)))
	for i := range equal {
		x, y := a[i%len(a)], b[i%len(b)]
		if !x.IsKnown() {
			x, y = y, x
		}
		switch {
		case x.Same(y):
			equal[i] = true
		case x.IsKnown() && y.IsKnown() || x.IsKnown() && !y.IsUnknown() && x.N < 0 && y.N > 0:
		default:
			return nil
		}
	}
	return tensor.FromSlice(equal, shape...)
}

func castInts[T int32 | int64](ints []int) []T {
	out := make([]T, len(ints))
	for i, n := range ints {
		out[i] = T(n)
	}
	return out
}
