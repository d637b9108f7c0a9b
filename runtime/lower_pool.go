package runtime

import (
	"slices"

	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

func (p *plan) lowerMaxPool(n *ir.Node, op *ops.MaxPool) (lowered, error) {
	if n.Out(1) != nil { // indices
		return lowered{}, nil
	}
	return p.poolStep(n, kernel.PoolSpec{Kind: kernel.MaxPool}, op.Window)
}

func (p *plan) lowerAveragePool(n *ir.Node, op *ops.AveragePool) (lowered, error) {
	return p.poolStep(n, kernel.PoolSpec{Kind: kernel.AveragePool, CountIncludePad: op.CountIncludePad}, op.Window)
}

func (p *plan) poolStep(n *ir.Node, spec kernel.PoolSpec, window func(in []int) (ops.Window, error)) (lowered, error) {
	in := sizes(n.In(0))
	if !allFloat32(n) || len(in) < 3 || len(in)-2 > maxSpatial {
		return lowered{}, nil
	}
	w, err := window(in[2:])
	if err != nil {
		return lowered{}, err
	}
	spec.Planes, spec.Spatial, spec.PadsEnd, spec.Split = in[0]*in[1], spatial(w), w.PadEnd, p.split()
	k, err := kernel.NewPool(spec)
	if err != nil {
		return lowered{}, err
	}
	y, x := id(n.Out(0)), id(n.In(0))
	return p.kernelStep(k, func(f *frame, task, _ int) { k.Run(task, f.float32s(y), f.float32s(x)) }), nil
}

// lowerGlobalPool reduces over all spatial dimensions.
func (p *plan) lowerGlobalPool(n *ir.Node, op kernel.ReduceOp) (lowered, error) {
	in := sizes(n.In(0))
	reduced := slices.Repeat([]bool{true}, len(in))
	reduced[0], reduced[1] = false, false
	return p.reduceStep(n, op, reduced)
}

// lowerReduce takes reductions whose axes are known.
func (p *plan) lowerReduce(n *ir.Node, op kernel.ReduceOp, a ops.Reducing) (lowered, error) {
	var axes []int
	if v := n.In(1); v != nil {
		if v.Const() == nil {
			return lowered{}, nil
		}
		axes, _ = v.Const().AsInts()
	}
	reduced, err := a.Reduced(axes, len(n.In(0).Type().Shape))
	if err != nil || !slices.Contains(reduced, true) {
		return lowered{}, err
	}
	return p.reduceStep(n, op, reduced)
}

func (p *plan) reduceStep(n *ir.Node, op kernel.ReduceOp, reduced []bool) (lowered, error) {
	if n.In(0).Type().DType != tensor.Float32 {
		return lowered{}, nil
	}
	k, err := kernel.NewReduce(kernel.ReduceSpec{Op: op, Shape: sizes(n.In(0)), Reduced: reduced, Split: p.split()})
	if err != nil {
		return lowered{}, err
	}
	y, x := id(n.Out(0)), id(n.In(0))
	return p.kernelStep(k, func(f *frame, task, _ int) { k.Run(task, f.float32s(y), f.float32s(x)) }), nil
}
