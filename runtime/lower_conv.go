package runtime

import (
	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

func (p *plan) lowerFusedConv(n *ir.Node, op *ops.FusedConv) (lowered, error) {
	act, ok := activationOf(&op.Epilogue)
	if !ok {
		return lowered{}, nil
	}
	return p.lowerConv(n, &op.Conv, act)
}

func (p *plan) lowerConv(n *ir.Node, op *ops.Conv, act kernel.Activation) (lowered, error) {
	in, weights := sizes(n.In(0)), sizes(n.In(1))
	if !allFloat32(n) || len(in) < 3 || len(in)-2 > maxSpatial {
		return lowered{}, nil
	}
	w, err := op.Window(in[2:], weights[2:])
	if err != nil {
		return lowered{}, err
	}
	k, err := kernel.NewConv(kernel.ConvSpec{
		N: in[0], C: in[1], OutC: weights[0], Group: op.Group, Spatial: spatial(w),
		Weights: constFloat32(n.In(1)), Bias: n.In(2) != nil, Act: act, Split: p.splitProduct(n),
	})
	if err != nil {
		return lowered{}, err
	}
	y, x, wt, bias, residual := id(n.Out(0)), id(n.In(0)), id(n.In(1)), id(n.In(2)), id(n.In(3))
	return p.kernelStep(k, func(f *frame, task, worker int) {
		k.Run(task, f.float32s(y), f.float32s(x), f.float32s(wt), f.float32s(bias), f.float32s(residual), f.scratch[worker])
	}), nil
}

func (p *plan) lowerConvTranspose(n *ir.Node, op *ops.ConvTranspose) (lowered, error) {
	in, weights := sizes(n.In(0)), sizes(n.In(1))
	if !allFloat32(n) || len(in) < 3 || len(in)-2 > maxSpatial {
		return lowered{}, nil
	}
	w, err := op.Window(in[2:], weights[2:])
	if err != nil {
		return lowered{}, err
	}
	k, err := kernel.NewConvTranspose(kernel.ConvTransposeSpec{
		N: in[0], C: in[1], OutC: weights[1] * op.Group, Group: op.Group, Spatial: spatial(w),
		Weights: constFloat32(n.In(1)), Bias: n.In(2) != nil, Split: p.splitProduct(n),
	})
	if err != nil { // strides beyond what the kernel takes
		return lowered{}, nil
	}
	y, x, wt, bias := id(n.Out(0)), id(n.In(0)), id(n.In(1)), id(n.In(2))
	return p.kernelStep(k, func(f *frame, task, worker int) {
		k.Run(task, f.float32s(y), f.float32s(x), f.float32s(wt), f.float32s(bias), f.scratch[worker])
	}), nil
}
