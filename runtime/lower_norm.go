package runtime

import (
	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// lowerBatchNorm folds constant statistics into a scale and a shift for each channel.
func (p *plan) lowerBatchNorm(n *ir.Node, op *ops.BatchNormalization) (lowered, error) {
	in := sizes(n.In(0))
	if op.TrainingMode || !allFloat32(n) || len(in) < 2 {
		return lowered{}, nil
	}
	var params [4][]float32
	for i := range params {
		if params[i] = constFloat32(n.In(i + 1)); params[i] == nil {
			return lowered{}, nil
		}
	}
	scale, shift := make([]float32, in[1]), make([]float32, in[1])
	kernel.FoldBatchNorm(scale, shift, params[0], params[1], params[2], params[3], op.Epsilon)
	k, err := kernel.NewChannelScale(kernel.ChannelScaleSpec{N: in[0], C: in[1], Inner: product(in[2:]), Split: p.split()})
	if err != nil {
		return lowered{}, err
	}
	y, x := id(n.Out(0)), id(n.In(0))
	return p.kernelStep(k, func(f *frame, task, _ int) { k.Run(task, f.float32s(y), f.float32s(x), scale, shift) }), nil
}

// lowerLayerNorm takes the form in which scale and bias span just the normalized dimensions.
func (p *plan) lowerLayerNorm(n *ir.Node, op *ops.LayerNormalization) (lowered, error) {
	in := sizes(n.In(0))
	axis := op.Axis
	if axis < 0 {
		axis += len(in)
	}
	if !allFloat32(n) || n.Out(1) != nil || n.Out(2) != nil || n.In(2) == nil || axis < 0 || axis >= len(in) {
		return lowered{}, nil
	}
	length := product(in[axis:])
	if product(sizes(n.In(1))) != length || product(sizes(n.In(2))) != length {
		return lowered{}, nil
	}
	return p.normStep(n, kernel.NormSpec{Rows: product(in[:axis]), Len: length, Groups: 1, Inner: 1, Epsilon: op.Epsilon, Split: p.split()})
}

func (p *plan) lowerInstanceNorm(n *ir.Node, op *ops.InstanceNormalization) (lowered, error) {
	in := sizes(n.In(0))
	if !allFloat32(n) || len(in) < 3 {
		return lowered{}, nil
	}
	length := product(in[2:])
	return p.normStep(n, kernel.NormSpec{Rows: in[0] * in[1], Len: length, Groups: in[1], Inner: length, Epsilon: op.Epsilon, Split: p.split()})
}

func (p *plan) normStep(n *ir.Node, spec kernel.NormSpec) (lowered, error) {
	spec.Set = p.set()
	k, err := kernel.NewNorm(spec)
	if err != nil {
		return lowered{}, err
	}
	y, x, scale, bias := id(n.Out(0)), id(n.In(0)), id(n.In(1)), id(n.In(2))
	return p.kernelStep(k, func(f *frame, task, _ int) {
		k.Run(task, f.float32s(y), f.float32s(x), f.float32s(scale), f.float32s(bias))
	}), nil
}

func (p *plan) lowerLRN(n *ir.Node, op *ops.LRN) (lowered, error) {
	in := sizes(n.In(0))
	if !allFloat32(n) || len(in) < 2 {
		return lowered{}, nil
	}
	k, err := kernel.NewLRN(kernel.LRNSpec{
		N: in[0], C: in[1], Inner: product(in[2:]), Size: op.Size, Alpha: op.Alpha, Beta: op.Beta, Bias: op.Bias, Split: p.split(),
	})
	if err != nil {
		return lowered{}, err
	}
	y, x := id(n.Out(0)), id(n.In(0))
	return p.kernelStep(k, func(f *frame, task, _ int) { k.Run(task, f.float32s(y), f.float32s(x)) }), nil
}

func (p *plan) lowerSoftmax(n *ir.Node, axis int, log bool) (lowered, error) {
	in := sizes(n.In(0))
	if axis < 0 {
		axis += len(in)
	}
	if !allFloat32(n) || axis < 0 || axis >= len(in) {
		return lowered{}, nil
	}
	k, err := kernel.NewSoftmax(kernel.SoftmaxSpec{
		Outer: product(in[:axis]), Axis: in[axis], Inner: product(in[axis+1:]), Log: log, Split: p.split(), Set: p.set(),
	})
	if err != nil {
		return lowered{}, err
	}
	y, x := id(n.Out(0)), id(n.In(0))
	return p.kernelStep(k, func(f *frame, task, _ int) { k.Run(task, f.float32s(y), f.float32s(x)) }), nil
}

func product(sizes []int) int {
	n := 1
	for _, s := range sizes {
		n *= s
	}
	return n
}
