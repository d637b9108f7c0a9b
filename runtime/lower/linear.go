package lower

import (
	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// linear selects how a product of matrices is computed: a linear layer of several rows as a convolution of one tap on rows,
// others on plain arrays.
func (s *selector) linear(n *ir.Node) (bool, error) {
	switch op := n.Op.(type) {
	case *ops.Gemm:
		return s.gemm(n, op)
	case *ops.MatMul:
		return s.matMul(n)
	case *ops.FusedLinear:
		act, ok := activationOf(&op.Epilogue)
		if !ok {
			return false, nil
		}
		if s.rowable(n) {
			if done, err := s.rowsLinear(n, op, act); done || err != nil {
				return done, err
			}
		}
		return s.plainLinear(n, op, act)
	}
	return false, nil
}

func (s *selector) gemm(n *ir.Node, op *ops.Gemm) (bool, error) {
	a, c := sizes(n.In(0)), sizes(n.Out(0))
	spec := kernel.GemmSpec{
		M: c[0], N: c[1], K: a[1], TransA: op.TransA, TransB: op.TransB, Alpha: op.Alpha, Beta: op.Beta,
		ConstA: constFloat32(n.In(0)), ConstB: constFloat32(n.In(1)), Split: s.splitProduct(n), Set: s.opts.Set, Packs: s.opts.Packs,
	}
	if op.TransA {
		spec.K = a[0]
	}
	if n.In(2) != nil {
		kind, ok := biasKind(sizes(n.In(2)), c[0], c[1])
		if !ok {
			return false, nil
		}
		spec.Bias = kind
	}
	return s.gemmStep(n, spec)
}

func (s *selector) plainLinear(n *ir.Node, op *ops.FusedLinear, act kernel.Activation) (bool, error) {
	x, out := sizes(n.In(0)), sizes(n.Out(0))
	last := len(x) - 1
	if last < 0 {
		return false, nil
	}
	spec := kernel.GemmSpec{
		M: product(x[:last]), N: out[last], K: x[last], TransB: op.TransB, Alpha: 1, Beta: 1, Act: act,
		ConstB: constFloat32(n.In(1)), Split: s.splitProduct(n), Set: s.opts.Set, Packs: s.opts.Packs,
	}
	if n.In(2) != nil {
		spec.Bias = kernel.BiasPerColumn
	}
	return s.gemmStep(n, spec)
}

func (s *selector) matMul(n *ir.Node) (bool, error) {
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
		ConstA: constFloat32(n.In(0)), ConstB: constFloat32(n.In(1)), Split: s.splitProduct(n), Set: s.opts.Set, Packs: s.opts.Packs,
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
	return s.gemmStep(n, spec)
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

func (s *selector) gemmStep(n *ir.Node, spec kernel.GemmSpec) (bool, error) {
	c, a, b := s.array(n.Out(0), Plain), s.array(n.In(0), Plain), s.array(n.In(1), Plain)
	bias, residual := s.array(n.In(2), Plain), s.array(n.In(3), Plain)
	s.later(n, s.readAll(n), s.writeAll(n), func(*Step) (tasked, Task, error) {
		k, err := kernel.NewGemm(spec)
		return k, func(m *Memory, task, worker int) {
			k.Run(task, m.F32(c), m.F32(a), m.F32(b), m.F32(bias), m.F32(residual), m.Scratch[worker])
		}, err
	})
	return true, nil
}

// rowsLinear computes a linear layer of several rows as a convolution of one tap.
func (s *selector) rowsLinear(n *ir.Node, op *ops.FusedLinear, act kernel.Activation) (bool, error) {
	images, plane, k, ok := s.rowSizes(n.In(0))
	_, _, out, _ := s.rowSizes(n.Out(0))
	w, bias := constFloat32(n.In(1)), constFloat32(n.In(2))
	const few, small = 8, 1 << 15
	if !ok || w == nil || n.In(2) != nil && bias == nil || k < kernel.Block || out < kernel.Block ||
		out%kernel.Block != 0 && !act.KeepsZero() {
		return false, nil
	}
	if images*plane < few && (len(w) > small || !s.isIn(n.In(0), Rows)) {
		return false, nil
	}
	if op.TransB && images*plane <= kernel.DotRows && kernel.ReadInPlace(len(w)) { // where they lie, at memory speed
		return false, nil
	}
	spec := kernel.BlockedConvSpec{
		N: images, C: k, OutC: out, Group: 1, Weights: w, InputMajor: !op.TransB, Bias: bias, Act: act, Split: s.splitProduct(n), Set: s.opts.Set, Packs: s.opts.Packs,
		Spatial: kernel.Spatial{In: []int{1, plane}, Out: []int{1, plane}, Kernel: []int{1, 1}},
	}
	x, r := s.read(n.In(0), Rows), (*Array)(nil)
	if n.In(3) != nil {
		r = s.read(n.In(3), Rows)
	}
	y := s.write(n.Out(0), Rows)
	st := s.later(n, arrays(x, r), arrays(y), func(st *Step) (tasked, Task, error) {
		c, err := kernel.NewBlockedConv(spec)
		return named{c, "linear"}, func(m *Memory, task, worker int) {
			c.Run(task, m.F32(y), m.F32(x), m.F32(r), m.Scratch[worker])
		}, err
	})
	st.Algorithm, st.Cost = "linear", kernel.DirectCost(spec)
	return true, nil
}

// named is a kernel under another name.
type named struct {
	tasked
	name string
}

func (k named) Algorithm() string { return k.name }

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
