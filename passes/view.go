package passes

import (
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// view says which elements of source a value has, where they were only moved, and multiplied by numbers. Dimension i of
// the value runs through the factors dims[i], the outermost first. An element is found at offset plus the sum over all
// factors of index·stride, and is multiplied by scale.
type view struct {
	source *ir.Value
	offset int
	dims   [][]factor // nil where the value's size is not known
	scale  float64
}

// factor is a part of a dimension: size places, which lie stride elements apart in the source.
type factor struct{ size, stride int }

// viewOf follows a value back through the nodes that only move and scale elements, as far as its view can be told.
func viewOf(v *ir.Value) view {
	n := v.Def()
	if n == nil {
		return wholeView(v)
	}
	if x, factor := scaled(n); x != nil {
		w := viewOf(x)
		w.scale *= factor
		return w
	}
	if moves(n) {
		if w := viewOf(n.In(0)); w.dims != nil && w.through(n, v.DefIndex()) {
			return w
		}
	}
	return wholeView(v)
}

// scaled is the value that a node only multiplies by a number, and the number; nil for other nodes.
func scaled(n *ir.Node) (x *ir.Value, factor float64) {
	if !isOp[*ops.Mul](n) && !isOp[*ops.Div](n) {
		return nil, 0
	}
	x, c := constOperand(n)
	factor, ok := scalar(c)
	if !ok || x.Type().Shape == nil || !x.Type().Shape.Same(n.Out(0).Type().Shape) {
		return nil, 0
	}
	if isOp[*ops.Div](n) {
		if x != n.In(0) || factor == 0 {
			return nil, 0
		}
		factor = 1 / factor
	}
	return x, factor
}

// moves reports whether a node only moves elements of its first input, in a way that view.through might know.
func moves(n *ir.Node) bool {
	switch n.Op.(type) {
	case *ops.Identity, *ops.Reshape, *ops.Flatten, *ops.Squeeze, *ops.Unsqueeze, *ops.Transpose, *ops.Slice, *ops.Split, *ops.Gather:
		return true
	}
	return false
}

// wholeView is a value as it lies.
func wholeView(v *ir.Value) view {
	shape, ok := v.Type().Shape.Ints()
	if !ok || v.Type().Shape == nil {
		return view{source: v, scale: 1}
	}
	w, stride := view{source: v, dims: make([][]factor, len(shape)), scale: 1}, 1
	for i, n := range slices.Backward(shape) {
		w.dims[i] = []factor{{n, stride}}
		stride *= n
	}
	return w
}

// through turns the view of n's input into the view of its output. Where it cannot it returns false, and the view must
// not be used any more.
func (w *view) through(n *ir.Node, output int) bool {
	shape, ok := n.Out(output).Type().Shape.Ints()
	if !ok || slices.Contains(shape, 0) {
		return false
	}
	switch op := n.Op.(type) {
	case *ops.Transpose:
		perm, err := op.Permutation(len(w.dims))
		if err != nil {
			return false
		}
		dims := w.dims
		w.dims = make([][]factor, len(perm))
		for i, d := range perm {
			w.dims[i] = dims[d]
		}
		return true
	case *ops.Slice:
		return w.throughSlice(n)
	case *ops.Split:
		axis, start := place(op.Axis, len(w.dims)), 0
		for _, v := range n.Outputs()[:output] {
			if v == nil || axis < 0 || !v.Type().Shape[axis].IsKnown() {
				return false
			}
			start += v.Type().Shape[axis].N
		}
		return axis >= 0 && w.slice(axis, start, shape[axis])
	case *ops.Gather:
		axis, at := place(op.Axis, len(w.dims)), constInts(n.In(1))
		if axis < 0 || len(at) != 1 {
			return false
		}
		start := place(at[0], length(w.dims[axis]))
		return start >= 0 && w.slice(axis, start, 1) && w.reshape(shape)
	}
	return w.reshape(shape)
}

func (w *view) throughSlice(n *ir.Node) bool {
	starts, axes, steps := constInts(n.In(1)), constInts(n.In(3)), constInts(n.In(4))
	if n.In(3) == nil {
		for i := range starts {
			axes = append(axes, i)
		}
	}
	if len(axes) != len(starts) || len(starts) == 0 || n.In(4) != nil && (steps == nil || slices.ContainsFunc(steps, func(s int) bool { return s != 1 })) {
		return false
	}
	for i, start := range starts {
		axis := place(axes[i], len(w.dims))
		if axis < 0 {
			return false
		}
		size := length(w.dims[axis])
		if start < 0 {
			start += size
		}
		if !w.slice(axis, min(max(start, 0), size), n.Out(0).Type().Shape[axis].N) {
			return false
		}
	}
	return true
}

// place is an index that may count from the end; -1 where it is outside.
func place(i, n int) int {
	if i < 0 {
		i += n
	}
	if i < 0 || i >= n {
		return -1
	}
	return i
}

// constInts is the elements of a constant, nil for other values.
func constInts(v *ir.Value) []int {
	if v == nil || v.Const() == nil {
		return nil
	}
	ints, _ := v.Const().AsInts()
	return ints
}

func length(dim []factor) int {
	n := 1
	for _, f := range dim {
		n *= f.size
	}
	return n
}

// slice keeps n places of a dimension.
func (w *view) slice(axis, start, n int) bool {
	dim := merged(w.dims[axis])
	for i, f := range dim {
		inner := length(dim[i+1:])
		if start%inner == 0 && n%inner == 0 {
			w.offset += start / inner * f.stride
			w.dims[axis] = append(dim[:i:i], append([]factor{{n / inner, f.stride}}, dim[i+1:]...)...)
			return true
		}
		if start/inner != (start+n-1)/inner {
			return false
		}
		w.offset += start / inner * f.stride
		dim[i] = factor{1, f.stride}
		start %= inner
	}
	return n == 1 && start == 0
}

// reshape regroups the factors, and divides those that lie across two dimensions.
func (w *view) reshape(shape []int) bool {
	rest := w.flat()
	w.dims = make([][]factor, len(shape))
	for i, need := range shape {
		for need > 1 {
			if len(rest) == 0 {
				return false
			}
			f := rest[0]
			switch {
			case need%f.size == 0:
				w.dims[i], rest = append(w.dims[i], f), rest[1:]
				need /= f.size
			case f.size%need == 0:
				inner := f.size / need
				w.dims[i], rest = append(w.dims[i], factor{need, f.stride * inner}), append([]factor{{inner, f.stride}}, rest[1:]...)
				need = 1
			default:
				return false
			}
		}
	}
	return len(rest) == 0
}

func (w *view) flat() []factor { return merged(slices.Concat(w.dims...)) }

// is reports whether the elements, whatever their shape, are those of the given factors in that order.
func (w *view) is(offset int, order ...factor) bool {
	return w.offset == offset && slices.Equal(w.flat(), merged(order))
}

// merged joins neighbouring factors that go on where the one within them ends, and leaves out those of one place.
func merged(dim []factor) []factor {
	var out []factor
	for _, f := range dim {
		last := len(out) - 1
		switch {
		case f.size == 1:
		case last >= 0 && out[last].stride == f.size*f.stride:
			out[last] = factor{out[last].size * f.size, f.stride}
		default:
			out = append(out, f)
		}
	}
	return out
}
