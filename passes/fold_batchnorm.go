package passes

import (
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// FoldBatchNorm moves a BatchNormalization with given statistics into the weights of the convolution before it.
func FoldBatchNorm(g *ir.Graph) error {
	return eachNode(g, func(rw *ir.Rewriter, n *ir.Node) error {
		bn, ok := n.Op.(*ops.BatchNormalization)
		if !ok || bn.TrainingMode {
			return nil
		}
		var params [4][]float32
		for i := range params {
			if params[i] = floats(n.In(i + 1)); params[i] == nil {
				return nil
			}
		}
		scale, shift := make([]float64, len(params[0])), make([]float64, len(params[0]))
		for i := range scale {
			scale[i] = float64(params[0][i]) / math.Sqrt(float64(params[3][i])+float64(bn.Epsilon))
			shift[i] = float64(params[1][i]) - scale[i]*float64(params[2][i])
		}
		_, err := affineIntoConv(rw, n, n.In(0), scale, shift)
		return err
	})
}

// affineIntoConv lets the convolution that computes x, which n alone reads, give what n does: scale·x + shift per
// channel.
func affineIntoConv(rw *ir.Rewriter, n *ir.Node, x *ir.Value, scale, shift []float64) (bool, error) {
	conv := x.Def()
	if conv == nil || !inner(n, x) {
		return false, nil
	}
	if _, ok := conv.Op.(*ops.Conv); !ok {
		return false, nil
	}
	w, bias := floats(conv.In(1)), floats(conv.In(2))
	if w == nil || conv.In(2) != nil && bias == nil || conv.In(1).Const().Dim(0) != len(scale) || len(scale) == 0 {
		return false, nil
	}
	w, b := slices.Clone(w), make([]float32, len(scale))
	for m, s := range scale {
		filter := w[m*len(w)/len(scale) : (m+1)*len(w)/len(scale)]
		for i, v := range filter {
			filter[i] = float32(float64(v) * s)
		}
		old := 0.0
		if bias != nil {
			old = float64(bias[m])
		}
		b[m] = float32(old*s + shift[m])
	}
	weights := rw.Const(conv.In(1).Name(), tensor.FromSlice(w, conv.In(1).Const().Shape()...))
	if err := rw.SetNode(conv, conv.Op, conv.In(0), weights, rw.Const(conv.Name+".bias", tensor.FromSlice(b, len(b)))); err != nil {
		return false, err
	}
	return true, rw.Replace(n.Out(0), x)
}
