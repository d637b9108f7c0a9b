package passes

import (
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// padIntoWindow lets a convolution or pooling pad its input itself. Zeros go into convolutions, and into average
// poolings that count the pads. A max pooling takes pads that cannot be the maximum: -inf, or zeros where no element is
// negative.
func padIntoWindow(c *Context) error {
	return c.EachNode(func(rw *ir.Rewriter, n *ir.Node) error {
		pad := n.In(0)
		if pad == nil || pad.Def() == nil || !isOp[*ops.Pad](pad.Def()) {
			return nil
		}
		p := pad.Def()
		op, why := withPads(n, p)
		if op == nil && why == "" {
			return nil
		}
		if why != "" {
			c.Miss(why)
			return nil
		}
		inputs := slices.Clone(n.Inputs())
		inputs[0] = p.In(0)
		return rw.SetNode(n, op, inputs...)
	})
}

// withPads is the operator of n with the pads of p, which its input comes from; nil if n has no window. why says what
// keeps the pads outside.
func withPads(n, p *ir.Node) (op ir.Op, why string) {
	switch w := n.Op.(type) {
	case *ops.Conv:
		if op := *w; setPads(&op.AutoPad, &op.Pads, n, p, &why) {
			if padValue(p) != 0 {
				return nil, "a convolution pads with zeros only"
			}
			return &op, ""
		}
	case *ops.AveragePool:
		op := *w
		switch own := slices.ContainsFunc(op.Pads, func(n int) bool { return n != 0 }); {
		case padValue(p) != 0:
			return nil, "average pooling pads with zeros only"
		case op.CeilMode || own && !op.CountIncludePad:
			return nil, "the pooling rounds up or has pads of its own, which do not count"
		case setPads(&op.AutoPad, &op.Pads, n, p, &why) && fitsPooling(op.Pads, op.KernelShape, op.Dilations, &why):
			op.CountIncludePad = true
			return &op, ""
		}
	case *ops.MaxPool:
		op := *w
		switch value := padValue(p); {
		case !math.IsInf(value, -1) && (value != 0 || !notNegative(p.In(0))):
			return nil, "the pads may be the maximum"
		case op.CeilMode || n.Out(1) != nil:
			return nil, "the pooling rounds up or gives indices"
		case p.In(0).Type().DType != tensor.Float32:
			return nil, "other types than float32"
		case setPads(&op.AutoPad, &op.Pads, n, p, &why) && fitsPooling(op.Pads, op.KernelShape, op.Dilations, &why):
			return &op, ""
		}
	}
	return nil, why
}

// padValue is what a Pad fills with; NaN where that is not known or no number.
func padValue(p *ir.Node) float64 {
	if p.Op.(*ops.Pad).Mode != "constant" {
		return math.NaN()
	}
	if p.In(2) == nil {
		return 0
	}
	if v, ok := scalar(p.In(2)); ok {
		return v
	}
	return math.NaN()
}

// setPads adds the pads of p to those of n's window.
func setPads(auto *string, pads *[]int, n, p *ir.Node, why *string) bool {
	shape := p.In(0).Type().Shape
	before, after, ok := constPads(p)
	switch {
	case !ok || len(shape) < 3:
		*why = "the pads, or the rank of what is padded, are not known"
	case *auto != "NOTSET" && *auto != "VALID":
		*why = "the window has auto_pad"
	case before[0] != 0 || before[1] != 0 || after[0] != 0 || after[1] != 0:
		*why = "images or channels are padded"
	case slices.Min(before) < 0 || slices.Min(after) < 0:
		*why = "the pads cut off"
	case slices.ContainsFunc(shape[2:], func(d ir.Dim) bool { return !d.IsKnown() || d.N == 0 }):
		*why = "a dimension of the image is 0 or not known"
	default:
		sum := slices.Concat(before[2:], after[2:])
		for i, n := range *pads {
			sum[i] += n
		}
		*auto, *pads = "NOTSET", sum
		return true
	}
	return false
}

// constPads is the pads at the start and at the end of each dimension, if they are constant.
func constPads(p *ir.Node) (before, after []int, ok bool) {
	rank := len(p.In(0).Type().Shape)
	if p.In(1).Const() == nil || p.In(0).Type().Shape == nil {
		return nil, nil, false
	}
	pads, _ := p.In(1).Const().AsInts()
	axes := make([]int, rank)
	for d := range axes {
		axes[d] = d
	}
	if p.In(3) != nil {
		if p.In(3).Const() == nil {
			return nil, nil, false
		}
		axes, _ = p.In(3).Const().AsInts()
	}
	before, after = make([]int, rank), make([]int, rank)
	for i, d := range axes {
		if d < 0 {
			d += rank
		}
		before[d], after[d] = pads[i], pads[len(axes)+i]
	}
	return before, after, true
}

// fitsPooling reports whether every window of a pooling sees an element that is no pad.
func fitsPooling(pads, kernel, dilations []int, why *string) bool {
	for i, n := range pads {
		if n >= kernel[i%len(kernel)] || slices.ContainsFunc(dilations, func(d int) bool { return d != 1 }) {
			*why = "a window may see pads alone"
			return false
		}
	}
	return true
}

// notNegative reports whether the elements of v are provably not negative.
func notNegative(v *ir.Value) bool {
	n := v.Def()
	if n == nil {
		return false
	}
	switch n.Op.(type) {
	case *ops.Relu, *ops.Sigmoid, *ops.HardSigmoid, *ops.Abs, *ops.Softmax, *ops.Exp:
		return true
	case *ops.Clip:
		low, ok := scalar(n.In(1))
		high, bounded := scalar(n.In(2))
		return ok && low >= 0 && (n.In(2) == nil || bounded && high >= 0)
	case *ops.MaxPool, *ops.AveragePool, *ops.GlobalMaxPool, *ops.Identity, *ops.Transpose, *ops.Reshape:
		return notNegative(n.In(0))
	}
	return false
}
