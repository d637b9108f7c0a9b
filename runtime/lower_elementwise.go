package runtime

import (
	"math"

	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// unaryOf is the kernel of an elementwise operator of one input; ok is false where there is none.
func unaryOf(n *ir.Node) (spec kernel.UnarySpec, ok bool) {
	switch op := n.Op.(type) {
	case *ops.Relu:
		spec.Op = kernel.UnaryRelu
	case *ops.LeakyRelu:
		spec.Op, spec.Alpha = kernel.UnaryLeakyRelu, op.Alpha
	case *ops.Clip:
		return clipOf(n)
	case *ops.HardSigmoid:
		spec.Op, spec.Alpha, spec.Beta = kernel.UnaryHardSigmoid, op.Alpha, op.Beta
	case *ops.HardSwish:
		spec.Op = kernel.UnaryHardSwish
	case *ops.Neg:
		spec.Op = kernel.UnaryNeg
	case *ops.Abs:
		spec.Op = kernel.UnaryAbs
	case *ops.Sqrt:
		spec.Op = kernel.UnarySqrt
	case *ops.Reciprocal:
		spec.Op = kernel.UnaryReciprocal
	case *ops.Floor:
		spec.Op = kernel.UnaryFloor
	case *ops.Ceil:
		spec.Op = kernel.UnaryCeil
	case *ops.Round:
		spec.Op = kernel.UnaryRound
	case *ops.Exp:
		spec.Op = kernel.UnaryExp
	case *ops.Log:
		spec.Op = kernel.UnaryLog
	case *ops.Sigmoid:
		spec.Op = kernel.UnarySigmoid
	case *ops.Tanh:
		spec.Op = kernel.UnaryTanh
	case *ops.Erf:
		spec.Op = kernel.UnaryErf
	case *ops.Softplus:
		spec.Op = kernel.UnarySoftplus
	case *ops.Softsign:
		spec.Op = kernel.UnarySoftsign
	case *ops.Elu:
		spec.Op, spec.Alpha = kernel.UnaryElu, op.Alpha
	case *ops.Selu:
		spec.Op, spec.Alpha, spec.Beta = kernel.UnarySelu, op.Alpha, op.Gamma
	case *ops.Swish:
		spec.Op, spec.Alpha = kernel.UnarySwish, op.Alpha
	case *ops.Mish:
		spec.Op = kernel.UnaryMish
	case *ops.Pow:
		p := constFloat32(n.In(1))
		if len(p) != 1 || len(sizes(n.In(1))) > len(sizes(n.In(0))) {
			return spec, false
		}
		spec.Op, spec.Alpha = kernel.UnaryPow, p[0]
	case *ops.Gelu:
		spec.Op = kernel.UnaryGelu
		if op.Approximate == "tanh" {
			spec.Op = kernel.UnaryGeluTanh
		}
	default:
		return spec, false
	}
	return spec, true
}

// clipOf is a Clip whose bounds are constants or absent.
func clipOf(n *ir.Node) (spec kernel.UnarySpec, ok bool) {
	spec = kernel.UnarySpec{Op: kernel.UnaryClip, Alpha: float32(math.Inf(-1)), Beta: float32(math.Inf(1))}
	for i, bound := range []*float32{&spec.Alpha, &spec.Beta} {
		if v := n.In(i + 1); v != nil {
			c := constFloat32(v)
			if len(c) != 1 {
				return spec, false
			}
			*bound = c[0]
		}
	}
	return spec, true
}

func (p *plan) lowerUnary(n *ir.Node) (lowered, error) {
	if !allFloat32(n) {
		return lowered{}, nil
	}
	spec, ok := unaryOf(n)
	if !ok {
		return lowered{}, nil
	}
	spec.Len, spec.Split, spec.Set = product(sizes(n.In(0))), p.split(), p.set()
	k, err := kernel.NewUnary(spec)
	if err != nil {
		return lowered{}, err
	}
	y, x := id(n.Out(0)), id(n.In(0))
	return p.kernelStep(k, func(f *frame, task, _ int) { k.Run(task, f.float32s(y), f.float32s(x)) }), nil
}

func (p *plan) lowerBinary(n *ir.Node, op kernel.BinaryOp) (lowered, error) {
	if !allFloat32(n) || len(n.Inputs()) != 2 {
		return lowered{}, nil
	}
	k, err := kernel.NewBinary(kernel.BinarySpec{Op: op, ShapeA: sizes(n.In(0)), ShapeB: sizes(n.In(1)), Split: p.split(), Set: p.set()})
	if err != nil { // more dimensions than the kernel takes
		return lowered{}, nil
	}
	y, a, b := id(n.Out(0)), id(n.In(0)), id(n.In(1))
	return p.kernelStep(k, func(f *frame, task, _ int) { k.Run(task, f.float32s(y), f.float32s(a), f.float32s(b)) }), nil
}
