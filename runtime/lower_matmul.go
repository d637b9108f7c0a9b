package runtime

import (
	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

func (p *plan) lowerGemm(n *ir.Node, op *ops.Gemm) (lowered, error) {
	if !allFloat32(n) {
		return lowered{}, nil
	}
	a, c := sizes(n.In(0)), sizes(n.Out(0))
	spec := kernel.GemmSpec{
		M: c[0], N: c[1], K: a[1], TransA: op.TransA, TransB: op.TransB, Alpha: op.Alpha, Beta: op.Beta,
		ConstA: constFloat32(n.In(0)), ConstB: constFloat32(n.In(1)), Split: p.splitProduct(n), Set: p.set(),
	}
	if op.TransA {
		spec.K = a[0]
	}
	if n.In(2) != nil {
		kind, ok := biasKind(sizes(n.In(2)), c[0], c[1])
		if !ok {
			return lowered{}, nil
		}
		spec.Bias = kind
	}
	return p.gemmStep(n, spec)
}

func (p *plan) lowerLinear(n *ir.Node, op *ops.FusedLinear) (lowered, error) {
	x := sizes(n.In(0))
	act, ok := activationOf(&op.Epilogue)
	if !ok || !allFloat32(n) || len(x) < 1 {
		return lowered{}, nil
	}
	out := sizes(n.Out(0))
	last := len(x) - 1
	spec := kernel.GemmSpec{
		M: product(x[:last]), N: out[last], K: x[last], TransB: op.TransB, Alpha: 1, Beta: 1, Act: act,
		ConstB: constFloat32(n.In(1)), Split: p.splitProduct(n), Set: p.set(),
	}
	if n.In(2) != nil {
		spec.Bias = kernel.BiasPerColumn
	}
	return p.gemmStep(n, spec)
}

// activationOf is an epilogue's activation in the kernels' terms.
func activationOf(e *ops.Epilogue) (kernel.Activation, bool) {
	function := func(op kernel.UnaryOp) (kernel.Activation, bool) {
		return kernel.Activation{Kind: kernel.Function, Op: op, Min: e.Alpha, Max: e.Beta}, true
	}
	switch e.Activation {
	case "none":
		return kernel.Activation{}, true
	case "relu":
		return kernel.Activation{Kind: kernel.Relu}, true
	case "clip":
		return kernel.Activation{Kind: kernel.Clip, Min: e.Alpha, Max: e.Beta}, true
	case "leakyrelu":
		return function(kernel.UnaryLeakyRelu)
	case "hardswish":
		return function(kernel.UnaryHardSwish)
	case "silu":
		return kernel.Activation{Kind: kernel.Function, Op: kernel.UnarySwish, Min: 1}, true
	case "sigmoid":
		return function(kernel.UnarySigmoid)
	case "hardsigmoid":
		return function(kernel.UnaryHardSigmoid)
	case "tanh":
		return function(kernel.UnaryTanh)
	case "gelu":
		return function(kernel.UnaryGelu)
	}
	return kernel.Activation{}, false
}

// biasKind is how an addend of a shape is broadcast over M×N.
func biasKind(shape []int, m, n int) (kernel.BiasKind, bool) {
	for len(shape) < 2 {
		shape = append([]int{1}, shape...)
	}
	switch {
	case shape[0] == 1 && shape[1] == 1:
		return kernel.BiasScalar, true
	case shape[0] == 1 && shape[1] == n:
		return kernel.BiasPerColumn, true
	case shape[0] == m && shape[1] == 1:
		return kernel.BiasPerRow, true
	case shape[0] == m && shape[1] == n:
		return kernel.BiasFull, true
	}
	return kernel.NoBias, false
}

func (p *plan) lowerMatMul(n *ir.Node) (lowered, error) {
	if !allFloat32(n) {
		return lowered{}, nil
	}
	a, b := sizes(n.In(0)), sizes(n.In(1))
	if len(a) == 1 {
		a = []int{1, a[0]}
	}
	if len(b) == 1 {
		b = []int{b[0], 1}
	}
	batchA, batchB := a[:len(a)-2], b[:len(b)-2]
	rank := max(len(batchA), len(batchB))
	spec := kernel.GemmSpec{
		M: a[len(a)-2], K: a[len(a)-1], N: b[len(b)-1], Alpha: 1,
		ConstA: constFloat32(n.In(0)), ConstB: constFloat32(n.In(1)), Split: p.splitProduct(n), Set: p.set(),
		Batch: make([]int, rank), StrideA: batchStrides(a, rank), StrideB: batchStrides(b, rank),
	}
	for d := range rank {
		spec.Batch[d] = 1
		for _, batch := range [][]int{batchA, batchB} {
			if i := d - rank + len(batch); i >= 0 && batch[i] != 1 {
				spec.Batch[d] = batch[i]
			}
		}
	}
	return p.gemmStep(n, spec)
}

// batchStrides is the distances between the matrices of a stack, over rank batch dimensions: 0 where it is broadcast.
func batchStrides(shape []int, rank int) []int {
	strides, all := make([]int, rank), tensor.Strides(shape)
	for d := range rank {
		if i := d - rank + len(shape) - 2; i >= 0 && shape[i] != 1 {
			strides[d] = all[i]
		}
	}
	return strides
}

func (p *plan) gemmStep(n *ir.Node, spec kernel.GemmSpec) (lowered, error) {
	k, err := kernel.NewGemm(spec)
	if err != nil {
		return lowered{}, err
	}
	c, a, b, bias, residual := id(n.Out(0)), id(n.In(0)), id(n.In(1)), id(n.In(2)), id(n.In(3))
	return p.kernelStep(k, func(f *frame, task, worker int) {
		k.Run(task, f.float32s(c), f.float32s(a), f.float32s(b), f.float32s(bias), f.float32s(residual), f.scratch[worker])
	}), nil
}
