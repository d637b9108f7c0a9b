package passes

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// fuseActivation lets a convolution or linear layer apply the activation that reads its result, directly or through
// nodes that only move elements. A normalization of images by given statistics becomes a convolution for that.
func fuseActivation(c *Context) error {
	return c.EachNode(func(rw *ir.Rewriter, n *ir.Node) error {
		e, ok := activation(n)
		if e.Activation == "" || n.In(0).Def() == nil {
			return nil
		}
		layer := n.In(0).Def()
		for layer != nil && (onlyReshapes(layer) || isOp[*ops.Transpose](layer)) {
			layer = layer.In(0).Def()
		}
		if layer == nil {
			return nil
		}
		op, inputs := fusable(layer)
		if op == nil {
			op, inputs = normAsConv(rw, layer)
		}
		switch {
		case op == nil:
			return nil
		case !ok:
			c.Miss("the activation's parameters are not constant numbers, or not those of a fused one")
			return nil
		case epilogueOf(op).Activation != "none":
			c.Miss("the layer has an activation already")
			return nil
		}
		for at := n; at != layer; at = at.In(0).Def() {
			if !c.Alone(at, at.In(0)) {
				return nil
			}
		}
		*epilogueOf(op) = e
		if err := rw.SetNode(layer, op, inputs...); err != nil {
			return err
		}
		return rw.Become(n.Out(0), n.In(0))
	})
}

// activation is the epilogue that computes what n does. It has no Activation where n is no activation; ok is false
// where n is one, but no epilogue can express it.
func activation(n *ir.Node) (e ops.Epilogue, ok bool) {
	switch op := n.Op.(type) {
	case *ops.Relu:
		e.Activation = "relu"
	case *ops.LeakyRelu:
		e.Activation, e.Alpha = "leakyrelu", op.Alpha
	case *ops.PRelu:
		slope, ok := scalar(n.In(1))
		e.Activation, e.Alpha = "leakyrelu", float32(slope)
		return e, ok
	case *ops.Clip:
		e.Activation, e.Alpha, e.Beta = "clip", float32(math.Inf(-1)), float32(math.Inf(1))
		for i, bound := range []*float32{&e.Alpha, &e.Beta} {
			if n.In(i+1) == nil {
				continue
			}
			v, ok := scalar(n.In(i + 1))
			if !ok {
				return e, false
			}
			*bound = float32(v)
		}
	case *ops.HardSwish:
		e.Activation = "hardswish"
	case *ops.Swish:
		e.Activation = "silu"
		return e, op.Alpha == 1
	case *ops.Sigmoid:
		e.Activation = "sigmoid"
	case *ops.HardSigmoid:
		e.Activation, e.Alpha, e.Beta = "hardsigmoid", op.Alpha, op.Beta
	case *ops.Tanh:
		e.Activation = "tanh"
	case *ops.Gelu:
		e.Activation = "gelu"
		return e, op.Approximate == "none"
	default:
		return e, false
	}
	return e, true
}

// normAsConv is a convolution of each channel by itself, with one tap, that does what the BatchNormalization n does; nil
// if n is none, or has no constant statistics, or not of images.
func normAsConv(rw *ir.Rewriter, n *ir.Node) (ir.Op, []*ir.Value) {
	shape := n.In(0).Type().Shape
	if affineOperand(n) == nil || !isOp[*ops.BatchNormalization](n) || n.In(0).Type().DType != tensor.Float32 || len(shape) != 4 || !shape[1].IsKnown() {
		return nil, nil
	}
	channels := shape[1].N
	scale, shift := affine(n, 4, 1, channels)
	w, b := make([]float32, len(scale)), make([]float32, len(scale))
	for i := range w {
		w[i], b[i] = float32(scale[i]), float32(shift[i])
	}
	if len(w) == 0 || !finite(w) || !finite(b) {
		return nil, nil
	}
	op := ir.New[ops.FusedConv]()
	op.Group = channels
	return op, []*ir.Value{n.In(0), rw.Const(n.Name+".scale", tensor.FromSlice(w, channels, 1, 1, 1)),
		rw.Const(n.Name+".bias", tensor.FromSlice(b, channels)), nil}
}
