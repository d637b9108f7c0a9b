package runtime

import (
	"slices"

	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

func (p *plan) blockedPool(n *ir.Node, spec kernel.BlockedPoolSpec, window windowOf) (bool, error) {
	if ok, err := p.describePool(n, &spec, window); !ok || err != nil {
		return false, err
	}
	k, err := kernel.NewBlockedPool(spec)
	if err != nil {
		return false, err
	}
	x, err := p.needBlocked(n, n.In(0))
	if err != nil {
		return false, err
	}
	y := p.setBlocked(n.Out(0))
	return p.blockedStep(n, k, []int{x}, y, func(f *frame, task, _ int) { k.Run(task, f.float32s(y), f.float32s(x)) })
}

// windowOf is the window of an operator over an input of the given spatial sizes.
type windowOf func(in []int) (ops.Window, error)

// describePool completes the description of a pooling, whose kind is known; ok is false where blocked data cannot have it.
func (p *plan) describePool(n *ir.Node, spec *kernel.BlockedPoolSpec, window windowOf) (ok bool, err error) {
	in := sizes(n.In(0))
	w, err := window(in[2:])
	if err != nil {
		return false, err
	}
	spec.N, spec.C, spec.Spatial, spec.PadsEnd = in[0], in[1], spatial(w), w.PadEnd
	spec.Split, spec.Set = p.split(), p.set()
	return in[1]%kernel.Block == 0 || !meetsNothing(w), nil // -Inf in the padding of the channels
}

// meetsNothing reports whether a window may lie outside of the input as a whole.
func meetsNothing(w ops.Window) bool {
	for d := range w.In {
		last := (w.Out[d]-1)*w.Stride[d] - w.PadBegin[d]
		if w.PadBegin[d] >= (w.Kernel[d]-1)*w.Dilation[d]+1 || last >= w.In[d] || w.Dilation[d] > w.In[d] {
			return true
		}
	}
	return false
}

// blockedMean computes the mean over each plane; the result is plain.
func (p *plan) blockedMean(n *ir.Node) (bool, error) {
	in := sizes(n.In(0))
	k, err := kernel.NewBlockedMean(in[0], in[1], in[2]*in[3], p.split(), p.set())
	if err != nil {
		return false, err
	}
	x, err := p.needBlocked(n, n.In(0))
	if err != nil {
		return false, err
	}
	y := n.Out(0).ID()
	return p.blockedStep(n, k, []int{x}, y, func(f *frame, task, _ int) { k.Run(task, f.float32s(y), f.float32s(x)) })
}

// overPlane reports whether a reduction goes over the last two of four dimensions, and keeps them.
func overPlane(n *ir.Node, a ops.Reducing) bool {
	if !a.KeepDims || n.In(1) == nil || n.In(1).Const() == nil {
		return false
	}
	axes, _ := n.In(1).Const().AsInts()
	reduced, err := a.Reduced(axes, 4)
	return err == nil && slices.Equal(reduced, []bool{false, false, true, true})
}

// blockedBatchNorm computes a normalization by given statistics as a depthwise convolution of one tap.
func (p *plan) blockedBatchNorm(n *ir.Node, op *ops.BatchNormalization, act kernel.Activation) (bool, error) {
	in := sizes(n.In(0))
	var params [4][]float32
	for i := range params {
		if params[i] = constFloat32(n.In(i + 1)); params[i] == nil {
			return false, nil
		}
	}
	if op.TrainingMode {
		return false, nil
	}
	spec := kernel.DepthwiseSpec{N: in[0], C: in[1], Act: act, Split: p.split(), Set: p.set()}
	spec.Spatial = kernel.Spatial{In: in[2:], Out: in[2:], Kernel: []int{1, 1}}
	spec.Weights, spec.Bias = make([]float32, in[1]), make([]float32, in[1])
	kernel.FoldBatchNorm(spec.Weights, spec.Bias, params[0], params[1], params[2], params[3], op.Epsilon)
	k, err := kernel.NewDepthwise(spec)
	if err != nil {
		return false, err
	}
	x, err := p.needBlocked(n, n.In(0))
	if err != nil {
		return false, err
	}
	y := p.setBlocked(n.Out(0))
	return p.blockedStep(n, k, []int{x}, y, func(f *frame, task, _ int) { k.Run(task, f.float32s(y), f.float32s(x)) })
}

func (p *plan) blockedLRN(n *ir.Node, op *ops.LRN) (bool, error) {
	in := sizes(n.In(0))
	if op.Bias <= 0 { // 0/0 in the padding of the channels
		return false, nil
	}
	k, err := kernel.NewBlockedLRN(kernel.LRNSpec{
		N: in[0], C: in[1], Inner: in[2] * in[3], Size: op.Size, Alpha: op.Alpha, Beta: op.Beta, Bias: op.Bias, Split: p.split(),
	}, p.set())
	if err != nil {
		return false, nil
	}
	x, err := p.needBlocked(n, n.In(0))
	if err != nil {
		return false, err
	}
	y := p.setBlocked(n.Out(0))
	return p.blockedStep(n, k, []int{x}, y, func(f *frame, task, worker int) {
		k.Run(task, f.float32s(y), f.float32s(x), f.scratch[worker])
	})
}

// blockedUnary computes an elementwise function, which must keep the padding of the channels zero.
func (p *plan) blockedUnary(n *ir.Node) (bool, error) {
	spec, ok := unaryOf(n)
	if !ok {
		return false, nil
	}
	act := kernel.Activation{Kind: kernel.Function, Op: spec.Op, Min: spec.Alpha, Max: spec.Beta}
	if sizes(n.In(0))[1]%kernel.Block != 0 && !act.KeepsZero() {
		return false, nil
	}
	x, err := p.needBlocked(n, n.In(0))
	if err != nil {
		return false, err
	}
	return p.flatUnary(n, spec, x, p.setBlocked(n.Out(0)))
}

// flatUnary computes a function of all elements of a slot.
func (p *plan) flatUnary(n *ir.Node, spec kernel.UnarySpec, x, y int) (bool, error) {
	spec.Len, spec.Split, spec.Set = p.slots[y].size/4, p.split(), p.set()
	k, err := kernel.NewUnary(spec)
	if err != nil {
		return false, err
	}
	return p.blockedStep(n, k, []int{x}, y, func(f *frame, task, _ int) { k.Run(task, f.float32s(y), f.float32s(x)) })
}

// blockedBinary computes a function of two values of one shape, or of one and a constant number, which must keep the
// padding of the channels zero.
func (p *plan) blockedBinary(n *ir.Node, op kernel.BinaryOp) (bool, error) {
	x, y := n.In(0), n.In(1)
	number := constFloat32(y)
	switch {
	case x.Const() != nil:
		return false, nil
	case len(number) == 1 && len(sizes(y)) <= 4:
	case y.Const() != nil || !p.isBlockable(y) || !slices.Equal(sizes(x), sizes(y)):
		return false, nil
	default:
		number = []float32{0}
	}
	if sizes(x)[1]%kernel.Block != 0 && !op.KeepsZero(number[0]) {
		return false, nil
	}
	a, err := p.needBlocked(n, x)
	if err != nil {
		return false, err
	}
	b := y.ID()
	if y.Const() == nil {
		if b, err = p.needBlocked(n, y); err != nil {
			return false, err
		}
	}
	return p.flatBinary(n, op, a, b, p.setBlocked(n.Out(0)))
}

// flatBinary computes a function of all elements of slot a and those of b, or the one number of a constant b.
func (p *plan) flatBinary(n *ir.Node, op kernel.BinaryOp, a, b, y int) (bool, error) {
	length := p.slots[y].size / 4
	spec := kernel.BinarySpec{Op: op, ShapeA: []int{length}, ShapeB: []int{length}, Split: p.split(), Set: p.set()}
	if p.slots[b].kind == constant {
		spec.ShapeB = []int{1}
	}
	k, err := kernel.NewBinary(spec)
	if err != nil {
		return false, err
	}
	return p.blockedStep(n, k, []int{a, b}, y, func(f *frame, task, _ int) {
		k.Run(task, f.float32s(y), f.float32s(a), f.float32s(b))
	})
}

// blockedScale computes a product with one factor for each channel of each image, as squeeze-and-excitation has it.
func (p *plan) blockedScale(n *ir.Node) (bool, error) {
	for i := range 2 {
		x, s := n.In(i), n.In(1-i)
		if !p.isBlockable(x) || !p.hasBlocked(x) || s.Type().DType != tensor.Float32 {
			continue
		}
		shape := sizes(x)
		if !slices.Equal(sizes(s), []int{shape[0], shape[1], 1, 1}) || shape[2]*shape[3] == 1 {
			continue
		}
		if s.Const() == nil && p.slots[s.ID()].kind == absent && !p.hasBlocked(s) {
			return false, nil
		}
		factors, err := p.needBlocked(n, s)
		if err != nil {
			return false, err
		}
		in, err := p.needBlocked(n, x)
		if err != nil {
			return false, err
		}
		k, err := kernel.NewBlockedScale(shape[0], shape[1], shape[2]*shape[3], p.split(), p.set())
		if err != nil {
			return false, err
		}
		y := p.setBlocked(n.Out(0))
		return p.blockedStep(n, k, []int{in, factors}, y, func(f *frame, task, _ int) {
			k.Run(task, f.float32s(y), f.float32s(in), f.float32s(factors))
		})
	}
	return false, nil
}

// blockedConcat joins values along their channels: where each begins at a whole block, by giving them places in the
// result, or by copying them there.
func (p *plan) blockedConcat(n *ir.Node, op *ops.Concat) (bool, error) {
	if op.Axis != 1 && op.Axis != -3 {
		return false, nil
	}
	for i, v := range n.Inputs() {
		if v.Const() != nil || i+1 < len(n.Inputs()) && sizes(v)[1]%kernel.Block != 0 {
			return false, nil
		}
	}
	var ins []int
	for _, v := range n.Inputs() {
		x, err := p.needBlocked(n, v)
		if err != nil {
			return false, err
		}
		ins = append(ins, x)
	}
	y := p.setBlocked(n.Out(0))
	out := sizes(n.Out(0))
	total, at := kernel.Blocks(out[1])*kernel.Block*out[2]*out[3], 0
	var parts copies
	for i, x := range ins {
		size := p.slots[x].size / 4 / max(1, out[0])
		if out[0] == 1 && p.moveInto(x, y, 4*at) {
			at += size
			continue
		}
		k, err := kernel.NewCopy(kernel.CopySpec{
			Shape: []int{out[0], size}, DstStrides: []int{total, 1}, SrcStrides: []int{size, 1}, DstOffset: at, Split: p.split(),
		})
		if err != nil {
			return false, err
		}
		at += size
		for task := range k.Tasks() {
			parts = append(parts, copyTask{k, task, ins[i]})
		}
	}
	return p.blockedStep(n, parts, ins, y, func(f *frame, task, _ int) {
		c := parts[task]
		c.k.RunFloat32(p.set(), c.task, f.float32s(y), f.float32s(c.value))
	})
}

// blockedSplit gives the parts of one image their places in it, where each begins at a whole block of channels.
func (p *plan) blockedSplit(n *ir.Node, op *ops.Split) bool {
	x, ok := p.blocked[n.In(0).ID()]
	if !ok || op.Axis != 1 && op.Axis != -3 || sizes(n.In(0))[0] != 1 {
		return false
	}
	if root, _ := p.place(x); p.slots[root].kind != planned {
		return false
	}
	for i, v := range n.Outputs() {
		if v == nil || i+1 < len(n.Outputs()) && sizes(v)[1]%kernel.Block != 0 {
			return false
		}
	}
	at := 0
	for _, v := range n.Outputs() {
		id := p.setBlocked(v)
		y := &p.slots[id]
		y.kind, y.alias, y.delta = aliased, x, at
		at += y.size
	}
	return true
}

// moveInto makes slot x a part of slot y, from byte delta on, if x has its own place in the arena: what has been written
// there then is where it is wanted.
func (p *plan) moveInto(x, y, delta int) bool {
	s := &p.slots[x]
	if s.kind != planned || x == y {
		return false
	}
	s.kind, s.alias, s.delta = aliased, y, delta
	return true
}
