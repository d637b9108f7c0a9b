package runtime

import (
	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

func (p *plan) lowerTranspose(n *ir.Node, op *ops.Transpose) (lowered, error) {
	if !allFloat32(n) {
		return lowered{}, nil
	}
	in := sizes(n.In(0))
	perm, err := op.Permutation(len(in))
	if err != nil {
		return lowered{}, err
	}
	spec, err := kernel.PermuteSpec(in, perm, p.split())
	if err != nil {
		return lowered{}, nil
	}
	return p.copyStep(n, spec)
}

func (p *plan) lowerSlice(n *ir.Node, op *ops.Slice) (lowered, error) {
	if !allFloat32Data(n) {
		return lowered{}, nil
	}
	offset, strides, ok := op.Strided(n)
	if !ok {
		return lowered{}, nil
	}
	out := sizes(n.Out(0))
	return p.copyStep(n, kernel.CopySpec{Shape: out, DstStrides: tensor.Strides(out), SrcStrides: strides, SrcOffset: offset, Split: p.split()})
}

// lowerGather takes one place, known now, along an axis.
func (p *plan) lowerGather(n *ir.Node, op *ops.Gather) (lowered, error) {
	in := sizes(n.In(0))
	axis := op.Axis
	if axis < 0 {
		axis += len(in)
	}
	if !allFloat32Data(n) || n.In(1).Const() == nil || n.In(1).Const().Len() != 1 || axis < 0 || axis >= len(in) {
		return lowered{}, nil
	}
	index, _ := n.In(1).Const().AsInts()
	at := index[0]
	if at < 0 {
		at += in[axis]
	}
	if at < 0 || at >= in[axis] { // the reference says so
		return lowered{}, nil
	}
	outer, inner := product(in[:axis]), product(in[axis+1:])
	return p.copyStep(n, kernel.CopySpec{
		Shape: []int{outer, inner}, DstStrides: []int{inner, 1}, SrcStrides: []int{in[axis] * inner, 1}, SrcOffset: at * inner, Split: p.split(),
	})
}

// lowerSplit copies each output's part of the input; all copies together are the step's tasks.
func (p *plan) lowerSplit(n *ir.Node, op *ops.Split) (lowered, error) {
	in := sizes(n.In(0))
	axis := op.Axis
	if axis < 0 {
		axis += len(in)
	}
	if !allFloat32Data(n) || axis < 0 || axis >= len(in) {
		return lowered{}, nil
	}
	strides := tensor.Strides(in)
	var parts copies
	at := 0
	for _, v := range n.Outputs() {
		if v == nil {
			return lowered{}, nil
		}
		out := sizes(v)
		k, err := kernel.NewCopy(kernel.CopySpec{
			Shape: out, DstStrides: tensor.Strides(out), SrcStrides: strides, SrcOffset: at * strides[axis], Split: p.split(),
		})
		if err != nil {
			return lowered{}, nil
		}
		at += out[axis]
		for task := range k.Tasks() {
			parts = append(parts, copyTask{k, task, id(v)})
		}
	}
	x := id(n.In(0))
	step := p.kernelStep(parts, func(f *frame, task, _ int) {
		c := parts[task]
		c.k.RunFloat32(p.set(), c.task, f.float32s(c.value), f.float32s(x))
	})
	step.algorithm = "copy"
	return step, nil
}

// allFloat32Data reports whether the first input and the output are float32.
func allFloat32Data(n *ir.Node) bool {
	return n.In(0).Type().DType == tensor.Float32 && n.Out(0).Type().DType == tensor.Float32
}

// copyStep makes a step of a copy from the first input to the output.
func (p *plan) copyStep(n *ir.Node, spec kernel.CopySpec) (lowered, error) {
	k, err := kernel.NewCopy(spec)
	if err != nil { // more dimensions than the kernel takes
		return lowered{}, nil
	}
	y, x := id(n.Out(0)), id(n.In(0))
	step := p.kernelStep(k, func(f *frame, task, _ int) { k.RunFloat32(p.set(), task, f.float32s(y), f.float32s(x)) })
	step.algorithm = "copy"
	return step, nil
}

// lowerConcat copies each input into its part of the output; all copies together are the step's tasks.
func (p *plan) lowerConcat(n *ir.Node, op *ops.Concat) (lowered, error) {
	if !allFloat32(n) {
		return lowered{}, nil
	}
	out := sizes(n.Out(0))
	axis := op.Axis
	if axis < 0 {
		axis += len(out)
	}
	strides := tensor.Strides(out)
	var parts copies
	at := 0
	for _, v := range n.Inputs() {
		in := sizes(v)
		k, err := kernel.NewCopy(kernel.CopySpec{
			Shape: in, DstStrides: strides, SrcStrides: tensor.Strides(in), DstOffset: at * strides[axis], Split: p.split(),
		})
		if err != nil {
			return lowered{}, nil
		}
		at += in[axis]
		for task := range k.Tasks() {
			parts = append(parts, copyTask{k, task, id(v)})
		}
	}
	y := id(n.Out(0))
	return p.kernelStep(parts, func(f *frame, task, _ int) {
		c := parts[task]
		c.k.RunFloat32(p.set(), c.task, f.float32s(y), f.float32s(c.value))
	}), nil
}

// copies is tasks of several copies.
type copies []copyTask

type copyTask struct {
	k     *kernel.Copy
	task  int
	value int // slot of the operand that is not common to all
}

func (c copies) Tasks() int       { return len(c) }
func (c copies) ScratchSize() int { return 0 }
