package passes

import (
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// headBlock: the number of channels of a head must be a multiple of it, because kernels work on blocks of so many.
const headBlock = 16

// fuseAttention finds softmax(scale·q·kᵀ)·v of several heads, where q, k and v are parts of one value, and everything
// else between that value and the result only moves elements. It becomes one node, which reads the value as it lies.
func fuseAttention(c *Context) error {
	return c.EachNode(func(rw *ir.Rewriter, n *ir.Node) error {
		if !isOp[*ops.MatMul](n) || n.In(0).Def() == nil || !isOp[*ops.Softmax](n.In(0).Def()) {
			return nil
		}
		a, reason := attentionOf(n)
		if reason != "" {
			c.Miss(reason)
			return nil
		}
		return a.fuse(rw)
	})
}

// attention is softmax(scale·q·kᵀ)·v of parts of x.
type attention struct {
	x              *ir.Value
	q, k, v        view
	scale          float64
	images, places int
	heads, depth   int
	timeFirst      bool
	result         *ir.Value // the product, moved to the order of x
}

// attentionOf is the attention whose product with the values is n, or why it cannot be fused.
func attentionOf(n *ir.Node) (a *attention, reason string) {
	softmax := n.In(0).Def()
	rank := len(softmax.In(0).Type().Shape)
	if place(softmax.Op.(*ops.Softmax).Axis, rank) != rank-1 {
		return nil, "the softmax is not over the last axis"
	}
	if !inner(n, n.In(0)) {
		return nil, "the softmax is read elsewhere"
	}
	scores, scale := scoresOf(softmax)
	if scores == nil {
		return nil, "the scores are no product, read elsewhere, or something is added to them"
	}
	a = &attention{q: viewOf(scores.In(0)), k: viewOf(scores.In(1)), v: viewOf(n.In(1))}
	a.x, a.scale = a.v.source, scale*a.q.scale*a.k.scale
	if reason := a.measure(scores.In(0), scores.In(1), n.In(1)); reason != "" {
		return nil, reason
	}
	for _, a.timeFirst = range []bool{false, true} {
		if a.ordered() {
			if a.result = a.resultOf(n); a.result != nil {
				return a, ""
			}
		}
	}
	return nil, "queries, keys, values or the result lie in another order"
}

// scoresOf is the product that a softmax is of, and what it is scaled by; nil where there is more to it, or others read it.
func scoresOf(softmax *ir.Node) (product *ir.Node, scale float64) {
	reader, v, scale := softmax, softmax.In(0), 1.0
	for v.Def() != nil && inner(reader, v) {
		n := v.Def()
		if isOp[*ops.MatMul](n) {
			return n, scale
		}
		x, factor := scaled(n)
		if x == nil {
			break
		}
		reader, v, scale = n, x, scale*factor
	}
	return nil, 0
}

// measure finds the sizes; it returns what does not fit.
func (a *attention) measure(q, k, v *ir.Value) string {
	if a.q.dims == nil || a.k.dims == nil || a.v.dims == nil {
		return "sizes are not known yet"
	}
	if a.q.source != a.x || a.k.source != a.x {
		return "queries, keys and values are not parts of one value"
	}
	const least, most = 1e-30, 1e30 // far from what float32 cannot hold
	if a.v.scale != 1 || !(a.scale > least && a.scale < most) || a.x.Type().DType != tensor.Float32 {
		return "the scale or type is not one that attention has"
	}
	shape, rank := sizesOf(a.x), len(a.v.dims)
	vs := sizesOf(v)
	if len(shape) < 2 || rank < 2 || len(a.q.dims) != rank || len(a.k.dims) != rank {
		return "sizes are not those of attention"
	}
	batch := vs[:rank-2]
	a.places, a.depth = vs[rank-2], vs[rank-1]
	channels := shape[len(shape)-1] / 3
	if a.depth == 0 || channels == 0 || shape[len(shape)-1]%3 != 0 || channels%a.depth != 0 || a.depth%headBlock != 0 {
		return "heads are not whole blocks of channels"
	}
	a.heads = channels / a.depth
	a.images = count(batch) / a.heads
	if count(batch)%a.heads != 0 || a.images*a.places*3*channels != count(shape) ||
		!slices.Equal(sizesOf(q), vs) || !slices.Equal(sizesOf(k), slices.Concat(batch, []int{a.depth, a.places})) {
		return "sizes are not those of attention"
	}
	return ""
}

// ordered reports whether q, k and v are the parts of x that attention reads.
func (a *attention) ordered() bool {
	c := a.heads * a.depth
	image, place := factor{a.images, 3 * c * a.places}, factor{a.places, 3 * c}
	if a.timeFirst {
		image.stride, place.stride = 3*c, 3*c*a.images
	}
	head, channel := factor{a.heads, a.depth}, factor{a.depth, 1}
	return a.q.is(0, image, head, place, channel) && a.k.is(c, image, head, channel, place) && a.v.is(2*c, image, head, place, channel)
}

// resultOf follows the product n forward to the last value that has its elements in the order of x; nil where none has.
func (a *attention) resultOf(n *ir.Node) (result *ir.Value) {
	image, head := factor{a.images, a.heads * a.places * a.depth}, factor{a.heads, a.places * a.depth}
	place, channel := factor{a.places, a.depth}, factor{a.depth, 1}
	order := []factor{image, place, head, channel}
	if a.timeFirst {
		order = []factor{place, image, head, channel}
	}
	for w, v := wholeView(n.Out(0)), n.Out(0); w.dims != nil; {
		if w.is(0, order...) {
			result = v
		}
		next := onlyUse(v)
		if next == nil || !moves(next) || next.In(0) != v || !w.through(next, 0) {
			break
		}
		v = next.Out(0)
	}
	return result
}

// fuse makes result the attention of x.
func (a *attention) fuse(rw *ir.Rewriter) error {
	c, last := a.heads*a.depth, a.result.Def()
	shape := []int{a.images, a.places, 3 * c}
	if a.timeFirst {
		shape = []int{a.places, a.images, 3 * c}
	}
	x := a.x
	if !slices.Equal(sizesOf(x), shape) {
		var err error
		if x, err = rw.Insert(last, last.Name+".rows", ir.New[ops.Reshape](), x, shapeConst(rw, last.Name+".rows_shape", shape)); err != nil {
			return err
		}
	}
	op := &ops.FusedAttention{Heads: a.heads, Scale: float32(a.scale), TimeFirst: a.timeFirst}
	to := sizesOf(a.result)
	if slices.Equal(to, []int{shape[0], shape[1], c}) {
		return rw.SetNode(last, op, x)
	}
	y, err := rw.Insert(last, last.Name+".attention", op, x)
	if err != nil {
		return err
	}
	return rw.SetNode(last, ir.New[ops.Reshape](), y, shapeConst(rw, last.Name+".shape", to))
}

func shapeConst(rw *ir.Rewriter, name string, shape []int) *ir.Value {
	return rw.Const(name, tensor.FromSlice(castInts[int64](shape), len(shape)))
}

// sizesOf is the shape of a value whose size is known.
func sizesOf(v *ir.Value) []int {
	sizes, _ := v.Type().Shape.Ints()
	return sizes
}

func count(sizes []int) int {
	n := 1
	for _, s := range sizes {
		n *= s
	}
	return n
}
