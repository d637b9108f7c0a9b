package passes

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// affineIntoWeights moves what maps each channel by a constant factor and summand into the weights of the layer
// upstream of it, even where a Transpose stands between them: BatchNormalization with given statistics, arithmetic with a constant
// vector along the channels or a number.
func affineIntoWeights(c *Context) error {
	return c.EachNode(func(rw *ir.Rewriter, n *ir.Node) error {
		x := affineOperand(n)
		if x == nil {
			return nil
		}
		l, axis, why := layerUpstream(x)
		if l.node == nil {
			return nil
		}
		if why != "" {
			c.Miss(why)
			return nil
		}
		scale, shift := affine(n, len(x.Type().Shape), axis, l.channels)
		if scale == nil {
			c.Miss(notPerChannel)
			return nil
		}
		if !c.Alone(n, x) || x.Def() != l.node && !c.Alone(x.Def(), x.Def().In(0)) {
			return nil
		}
		done, err := l.scale(c, rw, scale, shift)
		if !done || err != nil {
			return err
		}
		return rw.Become(n.Out(0), x)
	})
}

// notPerChannel is why arithmetic does not go into a layer.
const notPerChannel = "it has no constant number for each channel"

// affineOperand is what n maps, nil if it is no node of that kind.
func affineOperand(n *ir.Node) *ir.Value {
	switch op := n.Op.(type) {
	case *ops.BatchNormalization:
		if !op.TrainingMode {
			return n.In(0)
		}
	case *ops.Mul, *ops.Add, *ops.Sub:
		x, _ := constOperand(n)
		return x
	case *ops.Div:
		if n.In(0).Const() == nil {
			return n.In(0)
		}
	}
	return nil
}

// affine is the factor and the summand that n applies to each channel of its operand, which has the given rank, and the
// given number of channels along the axis; nil if n does anything else.
func affine(n *ir.Node, rank, axis, channels int) (scale, shift []float64) {
	if bn, ok := n.Op.(*ops.BatchNormalization); ok {
		if axis != 1 {
			return nil, nil
		}
		return batchNormAffine(n, bn, channels)
	}
	c := n.In(1)
	if c.Const() == nil {
		c = n.In(0)
	}
	vector := vectorAlong(c, rank, axis, channels)
	if vector == nil {
		return nil, nil
	}
	scale, shift = make([]float64, channels), make([]float64, channels)
	for i, v := range vector {
		switch n.Op.(type) {
		case *ops.Mul:
			scale[i] = float64(v)
		case *ops.Div:
			scale[i] = 1 / float64(v)
		case *ops.Add:
			scale[i], shift[i] = 1, float64(v)
		case *ops.Sub:
			scale[i], shift[i] = 1, -float64(v)
			if c == n.In(0) {
				scale[i], shift[i] = -1, float64(v)
			}
		}
	}
	return scale, shift
}

func batchNormAffine(n *ir.Node, bn *ops.BatchNormalization, channels int) (scale, shift []float64) {
	var params [4][]float32
	for i := range params {
		if params[i] = floats(n.In(i + 1)); len(params[i]) != channels {
			return nil, nil
		}
	}
	scale, shift = make([]float64, channels), make([]float64, channels)
	for i := range scale {
		gamma, beta, mean, variance := float64(params[0][i]), float64(params[1][i]), float64(params[2][i]), float64(params[3][i])
		scale[i] = gamma / math.Sqrt(variance+float64(bn.Epsilon))
		shift[i] = beta - scale[i]*mean
	}
	return scale, shift
}
