package passes

import (
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// layer is a node that gives each channel of its output by constant weights of its own, and does nothing after that.
type layer struct {
	node     *ir.Node
	axis     int // the dimension of the output where its channels lie
	channels int
	channel  func(i int) int // the channel that weight i belongs to
}

// layerOf is n as a layer; ok is false where it is none.
func layerOf(n *ir.Node) (l layer, ok bool) {
	w, rank := n.In(1), 0
	if n.Out(0) != nil {
		rank = len(n.Out(0).Type().Shape)
	}
	if rank < 2 || len(floats(w)) == 0 || w.Const().Rank() < 2 {
		return l, false
	}
	size, s := w.Const().Len(), w.Const().Shape()
	switch op := n.Op.(type) {
	case *ops.Conv: // filters × channels × kernel
		l = layer{n, 1, s[0], func(i int) int { return i / (size / s[0]) }}
	case *ops.ConvTranspose: // channels × filters of a group × kernel
		if op.Group < 1 || s[0]%op.Group != 0 {
			return l, false
		}
		kernel, inputs := size/(s[0]*s[1]), s[0]/op.Group
		l = layer{n, 1, s[1] * op.Group, func(i int) int { return i/(kernel*s[1])/inputs*s[1] + i/kernel%s[1] }}
	case *ops.FusedLinear:
		if op.Activation != "none" || n.In(3) != nil {
			return l, false
		}
		l = layer{n, rank - 1, s[1], func(i int) int { return i % s[1] }}
		if op.TransB {
			l.channels, l.channel = s[0], func(i int) int { return i / s[1] }
		}
	default:
		return l, false
	}
	return l, n.In(2) == nil || len(floats(n.In(2))) == l.channels
}

// layerBehind is the layer whose output is x, or x transposed, for x alone, and the dimension of x where its channels lie.
func layerBehind(x *ir.Value) (l layer, axis int, ok bool) {
	n := x.Def()
	if n == nil {
		return l, 0, false
	}
	t, transposed := n.Op.(*ops.Transpose)
	if !transposed {
		l, ok = layerOf(n)
		return l, l.axis, ok
	}
	perm, err := t.Permutation(len(x.Type().Shape))
	if err != nil || n.In(0).Def() == nil || !inner(n, n.In(0)) {
		return l, 0, false
	}
	l, ok = layerOf(n.In(0).Def())
	return l, slices.Index(perm, l.axis), ok
}

// scale makes the layer give scale·y + shift for what it gave, per channel. It does nothing where float32 would overflow.
func (l *layer) scale(rw *ir.Rewriter, scale, shift []float64) (done bool, err error) {
	weights, bias := l.node.In(1), l.node.In(2)
	if slices.ContainsFunc(scale, func(s float64) bool { return s != 1 }) {
		w := slices.Clone(floats(weights))
		for i, v := range w {
			w[i] = float32(float64(v) * scale[l.channel(i)])
		}
		if !finite(w) {
			return false, nil
		}
		weights = rw.Const(weights.Name(), tensor.FromSlice(w, weights.Const().Shape()...))
	}
	b := make([]float32, l.channels)
	for i := range b {
		old := 0.0
		if bias != nil {
			old = float64(floats(bias)[i])
		}
		b[i] = float32(old*scale[i] + shift[i])
	}
	if !finite(b) {
		return false, nil
	}
	b0 := rw.Const(l.node.Name+".bias", tensor.FromSlice(b, len(b)))
	return true, rw.SetNode(l.node, l.node.Op, l.node.In(0), weights, b0)
}

// finite reports whether no element is infinite or NaN.
func finite(x []float32) bool {
	return !slices.ContainsFunc(x, func(v float32) bool { return v-v != 0 })
}
