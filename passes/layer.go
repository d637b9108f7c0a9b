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

// layerOf is n as a layer, without a node if n is of another kind; why says what else keeps it from being one.
func layerOf(n *ir.Node) (l layer, why string) {
	switch n.Op.(type) {
	case *ops.Conv, *ops.ConvTranspose, *ops.FusedLinear:
		l.node = n
	default:
		return l, ""
	}
	w, rank := n.In(1), len(n.Out(0).Type().Shape)
	switch {
	case rank < 2:
		return l, "the rank of the layer's output is not known"
	case len(floats(w)) == 0 || w.Const().Rank() < 2 || n.In(2) != nil && floats(n.In(2)) == nil:
		return l, "the layer's weights are not constant, not float32 or empty"
	}
	size, s := w.Const().Len(), w.Const().Shape()
	switch op := n.Op.(type) {
	case *ops.Conv: // filters × channels × kernel
		l = layer{n, 1, s[0], func(i int) int { return i / (size / s[0]) }}
	case *ops.ConvTranspose: // channels × filters of a group × kernel
		if op.Group < 1 || s[0]%op.Group != 0 {
			return l, "the layer's groups do not fit its weights"
		}
		kernel, inputs := size/(s[0]*s[1]), s[0]/op.Group
		l = layer{n, 1, s[1] * op.Group, func(i int) int { return i/(kernel*s[1])/inputs*s[1] + i/kernel%s[1] }}
	case *ops.FusedLinear:
		if op.Activation != "none" || n.In(3) != nil {
			return l, "an activation or a residual follows in the layer"
		}
		l = layer{n, rank - 1, s[1], func(i int) int { return i % s[1] }}
		if op.TransB {
			l.channels, l.channel = s[0], func(i int) int { return i / s[1] }
		}
	}
	if n.In(2) != nil && len(floats(n.In(2))) != l.channels {
		return l, "the layer's bias does not fit its weights"
	}
	return l, ""
}

// layerUpstream is layerOf for the node that gives x, or that gives x transposed, and the dimension of x where the
// channels lie.
func layerUpstream(x *ir.Value) (l layer, axis int, why string) {
	n := x.Def()
	if n == nil {
		return l, 0, ""
	}
	t, transposed := n.Op.(*ops.Transpose)
	if !transposed {
		l, why = layerOf(n)
		return l, l.axis, why
	}
	perm, err := t.Permutation(len(x.Type().Shape))
	if err != nil || n.In(0).Def() == nil {
		return l, 0, ""
	}
	l, why = layerOf(n.In(0).Def())
	return l, slices.Index(perm, l.axis), why
}

// scale makes the layer give scale·y + shift for what it gave, per channel. It does nothing where float32 would over- or
// underflow or the weights are another node's too.
func (l *layer) scale(c *Context, rw *ir.Rewriter, scale, shift []float64) (done bool, err error) {
	weights, bias := l.node.In(1), l.node.In(2)
	if slices.ContainsFunc(scale, func(s float64) bool { return s != 1 }) {
		if len(weights.Uses()) > 1 {
			c.Miss("the layer's weights are shared")
			return false, nil
		}
		w := slices.Clone(floats(weights))
		vanish := false
		for i, v := range w {
			w[i] = float32(float64(v) * scale[l.channel(i)])
			vanish = vanish || w[i] == 0 && v != 0 && scale[l.channel(i)] != 0
		}
		if vanish || !finite(w) {
			c.Miss(overflows)
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
		c.Miss(overflows)
		return false, nil
	}
	b0 := rw.Const(l.node.Name+".bias", tensor.FromSlice(b, len(b)))
	return true, rw.SetNode(l.node, l.node.Op, l.node.In(0), weights, b0)
}

// overflows is why numbers do not go into weights.
const overflows = "a weight would be beyond float32"

// finite reports whether no element is infinite or NaN.
func finite(x []float32) bool {
	return !slices.ContainsFunc(x, func(v float32) bool { return v-v != 0 })
}
