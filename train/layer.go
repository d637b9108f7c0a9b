package train

import (
	"slices"

	"github.com/onnxrun/onnxrun/internal/initial"
	"github.com/onnxrun/onnxrun/internal/modelinfo"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// weightsOf is the constant matrix or filters of a layer, nil if n is none or has none.
func weightsOf(n *ir.Node) *ir.Value {
	if w := n.In(1); isLayer(n) && w != nil && w.Const() != nil && w.Const().Rank() >= 2 && modelinfo.IsFloating(w) {
		return w
	}
	return nil
}

// biasOf is the input of a layer that holds its bias, -1 where the operator has none.
func biasOf(n *ir.Node) int {
	if _, ok := n.Op.(*ops.MatMul); ok {
		return -1
	}
	return 2
}

// axes is the axes of a layer's weights that its outputs and inputs are counted along.
func axes(n *ir.Node) (out, in int) {
	switch op := n.Op.(type) {
	case *ops.ConvTranspose:
		return 1, 0
	case *ops.Gemm:
		if !op.TransB {
			return 1, 0
		}
	case *ops.MatMul:
		rank := n.In(1).Const().Rank()
		return rank - 1, rank - 2
	}
	return 0, 1
}

// groups is the number of groups of a convolution, 1 for other layers.
func groups(op ir.Op) int {
	switch op := op.(type) {
	case *ops.Conv:
		return op.Group
	case *ops.ConvTranspose:
		return op.Group
	}
	return 1
}

// width is the number of outputs of a layer.
func width(n *ir.Node) int {
	out, _ := axes(n)
	size := n.In(1).Const().Shape()[out]
	if op, ok := n.Op.(*ops.ConvTranspose); ok {
		size *= op.Group
	}
	return size
}

// fans is how many values one output of a layer is made from, and how many one of its inputs goes to.
func fans(op ir.Op, shape []int, out, in int) (inputs, outputs int) {
	area := 1
	for axis, size := range shape {
		if axis != out && axis != in {
			area *= size
		}
	}
	switch op.(type) {
	case *ops.Conv:
		return shape[in] * area, shape[out] / groups(op) * area
	case *ops.ConvTranspose:
		return shape[in] / groups(op) * area, shape[out] * area
	}
	return shape[in], shape[out]
}

// freshWeights is random weights of a shape for a layer, which op becomes, in place of its old ones.
func freshWeights(n *ir.Node, op ir.Op, shape []int, seed uint64) *tensor.Tensor {
	out, in := axes(n)
	bound := initial.He
	if !rectified(n) {
		bound = initial.Glorot
	}
	inputs, outputs := fans(op, shape, out, in)
	t := tensor.New(tensor.Float32, shape...)
	initial.Uniform(tensor.Data[float32](t), seed, n.In(1).Name(), float32(bound(max(inputs, 1), max(outputs, 1))))
	return tensor.FromFloat32(t, n.In(1).Type().DType)
}

// rectified reports whether a rectifier or a kin of it follows a layer, past sums, normalizations and pooling.
func rectified(n *ir.Node) bool {
	v := n.Out(0)
	for range maxChain {
		uses := v.Uses()
		if len(uses) == 0 {
			return false
		}
		next := uses[0].Node
		switch next.Op.(type) {
		case *ops.Relu, *ops.Clip, *ops.LeakyRelu, *ops.PRelu, *ops.Elu, *ops.Celu, *ops.Selu, *ops.Softplus, *ops.HardSwish, *ops.Swish, *ops.Mish, *ops.Gelu:
			return true
		case *ops.Sigmoid, *ops.HardSigmoid: // x·sigmoid(x)
			return slices.ContainsFunc(next.Out(0).Uses(), func(u ir.Use) bool { return slices.Contains(u.Node.Inputs(), v) })
		case *ops.Tanh, *ops.Softmax, *ops.LogSoftmax:
			return false
		}
		if isLayer(next) {
			return false
		}
		v = next.Out(0)
	}
	return false
}

// maxChain bounds how far a search goes on from node to node.
const maxChain = 64

// filled is a tensor of equal floating-point numbers.
func filled(dt tensor.DType, x float32, shape ...int) *tensor.Tensor {
	t := tensor.New(tensor.Float32, shape...)
	for i := range tensor.Data[float32](t) {
		tensor.Data[float32](t)[i] = x
	}
	return tensor.FromFloat32(t, dt)
}
