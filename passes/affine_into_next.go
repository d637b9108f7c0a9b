package passes

import (
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// affineIntoNext takes nodes that map each channel by a constant factor and summand, and moves both into the weights of
// the layer that alone reads the result. A summand must reach every weight: so into a convolution that pads only
// factors go.
func affineIntoNext(c *Context) error {
	return c.EachNode(func(rw *ir.Rewriter, n *ir.Node) error {
		x := affineOperand(n)
		if x == nil {
			return nil
		}
		l, why := layerThatReads(n.Out(0))
		if l.node == nil {
			return nil
		}
		if why != "" {
			c.Miss(why)
			return nil
		}
		into, next := inputsOf(l), l.node
		scale, shift := affine(n, len(x.Type().Shape), into.axis, into.channels)
		switch {
		case into.channels == 0:
			return nil
		case !x.Type().Shape.Same(n.Out(0).Type().Shape):
			c.Miss("its operand is broadcast, or a shape is not known")
			return nil
		case scale == nil:
			c.Miss(notPerChannel)
			return nil
		case !into.everywhere && slices.ContainsFunc(shift, func(s float64) bool { return s != 0 }):
			c.Miss("the layer pads, or is transposed, and a summand would be missing there")
			return nil
		case len(next.In(1).Uses()) > 1:
			c.Miss("the layer's weights are shared")
			return nil
		}
		if !c.Alone(next, n.Out(0)) {
			return nil
		}
		return into.absorb(c, rw, x, scale, shift)
	})
}

// layerThatReads is layerOf for the first layer that has v as its input.
func layerThatReads(v *ir.Value) (l layer, why string) {
	for _, use := range v.Uses() {
		if l, why = layerOf(use.Node); l.node != nil && use.Index == 0 {
			return l, why
		}
	}
	return layer{}, ""
}

// intake is how a layer reads its input: along which dimension its channels lie, how many there are, and to which of
// them weight i belongs. everywhere means that each output element sees all weights of its channel.
type intake struct {
	layer
	axis, channels int
	channel        func(i int) int
	everywhere     bool
}

func inputsOf(l layer) intake {
	w := l.node.In(1).Const()
	s := w.Shape()
	switch op := l.node.Op.(type) {
	case *ops.Conv: // filters × channels of a group × kernel
		if op.Group < 1 || s[0]%op.Group != 0 || s[0] == 0 {
			return intake{}
		}
		filters, kernel := s[0]/op.Group, w.Len()/(s[0]*s[1])
		pads := slices.ContainsFunc(op.Pads, func(n int) bool { return n != 0 }) || op.AutoPad != "NOTSET" && op.AutoPad != "VALID"
		return intake{l, 1, s[1] * op.Group, func(i int) int { return i/(s[1]*kernel)/filters*s[1] + i/kernel%s[1] }, !pads}
	case *ops.ConvTranspose: // channels × filters of a group × kernel
		return intake{l, 1, s[0], func(i int) int { return i / (w.Len() / s[0]) }, false}
	case *ops.FusedLinear:
		in := intake{l, l.axis, s[0], func(i int) int { return i / s[1] }, true}
		if op.TransB {
			in.channels, in.channel = s[1], func(i int) int { return i % s[1] }
		}
		return in
	}
	return intake{}
}

// absorb makes the layer read x and compute what it computed of scale·x + shift. It does nothing where a weight would
// over- or underflow float32.
func (l *intake) absorb(c *Context, rw *ir.Rewriter, x *ir.Value, scale, shift []float64) error {
	n := l.node
	w := slices.Clone(floats(n.In(1)))
	sum, vanish := make([]float64, l.layer.channels), false
	for i, v := range w {
		sum[l.layer.channel(i)] += float64(v) * shift[l.channel(i)]
		w[i] = float32(float64(v) * scale[l.channel(i)])
		vanish = vanish || w[i] == 0 && v != 0 && scale[l.channel(i)] != 0
	}
	b := make([]float32, len(sum))
	for i := range b {
		if n.In(2) != nil {
			sum[i] += float64(floats(n.In(2))[i])
		}
		b[i] = float32(sum[i])
	}
	if vanish || !finite(w) || !finite(b) {
		c.Miss(overflows)
		return nil
	}
	inputs := []*ir.Value{x, rw.Const(n.In(1).Name(), tensor.FromSlice(w, n.In(1).Const().Shape()...)), n.In(2)}
	if l.everywhere {
		inputs[2] = rw.Const(n.Name+".bias", tensor.FromSlice(b, len(b)))
	}
	return rw.SetNode(n, n.Op, inputs...)
}
