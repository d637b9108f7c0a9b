package runtime

import (
	"slices"

	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// Values whose channels are the last dimension, as those around linear layers, have a blocked layout as well: that of the
// same pixels with the channels second. Linear layers then are convolutions of one tap, and a Transpose between
// N×C×H×W and N×H×W×C costs nothing.

// rowSizes is how many images, pixels of each and channels a value has; ok is false if it cannot have the layout.
func (p *plan) rowSizes(v *ir.Value) (n, plane, c int, ok bool) {
	if v == nil || v.Type().DType != tensor.Float32 || p.slots[v.ID()].kind == dynamic {
		return 0, 0, 0, false
	}
	s := sizes(v)
	switch len(s) {
	case 4:
		return s[0], s[1] * s[2], s[3], true
	case 2, 3:
		return 1, product(s[:len(s)-1]), s[len(s)-1], true
	}
	return 0, 0, 0, false
}

func (p *plan) hasRows(v *ir.Value) bool {
	if v == nil {
		return false
	}
	_, ok := p.rows[v.ID()]
	return ok
}

// needRows is the slot of a value's rows, with a step before n that makes it where there is none. It is not an input's.
func (p *plan) needRows(n *ir.Node, v *ir.Value) (int, error) {
	if slot, ok := p.rows[v.ID()]; ok {
		return slot, nil
	}
	if err := p.needPlain(n, v); err != nil {
		return 0, err
	}
	images, plane, c, _ := p.rowSizes(v)
	if c%kernel.Block == 0 && plane == 1 && p.slots[v.ID()].kind != input {
		p.rows[v.ID()] = v.ID()
		return v.ID(), nil
	}
	k, err := kernel.NewToBlocked(kernel.LayoutSpec{N: images, C: c, Plane: plane, Last: true, Split: p.split(), Set: p.set()})
	if err != nil {
		return 0, err
	}
	slot := p.newSlot(images * kernel.Blocks(c) * kernel.Block * plane)
	p.rows[v.ID()] = slot
	p.convert(n, "to rows", k, v.ID(), slot)
	return slot, nil
}

// setRows gives a value a place for its rows, in which its node is going to write it.
func (p *plan) setRows(v *ir.Value) int {
	images, plane, c, _ := p.rowSizes(v)
	slot := p.newSlot(images * kernel.Blocks(c) * kernel.Block * plane)
	p.rows[v.ID()] = slot
	p.slots[v.ID()].kind = absent
	return slot
}

// plainFromRows makes the plain layout of a value that has only rows.
func (p *plan) plainFromRows(n *ir.Node, v *ir.Value) error {
	images, plane, c, _ := p.rowSizes(v)
	from, place := p.rows[v.ID()], &p.slots[v.ID()]
	if c%kernel.Block == 0 && plane == 1 {
		place.kind, place.alias = aliased, from
		return nil
	}
	k, err := kernel.NewFromBlocked(kernel.LayoutSpec{N: images, C: c, Plane: plane, Last: true, Split: p.split(), Set: p.set()})
	if err != nil {
		return err
	}
	place.kind = planned
	p.convert(n, "from rows", k, from, v.ID())
	return nil
}

// lowerRows makes the steps of a node that is computed on rows; done is false for others.
func (p *plan) lowerRows(n *ir.Node) (done bool, err error) {
	if op, ok := n.Op.(*ops.FusedAttention); ok { // which has no other kernel
		return p.rowsAttention(n, op)
	}
	if !p.set().Has(kernel.FamilyTile) || len(n.Outputs()) != 1 {
		return false, nil
	}
	if _, _, _, ok := p.rowSizes(n.Out(0)); !ok {
		return false, nil
	}
	switch op := n.Op.(type) {
	case *ops.FusedLinear:
		return p.rowsLinear(n, op)
	case *ops.Transpose:
		return p.rowsTranspose(n, op), nil
	}
	if ir.Shares(n) {
		return p.rowsReshape(n), nil
	}
	if !p.hasRows(n.In(0)) && !p.hasRows(n.In(1)) {
		return false, nil
	}
	switch op := n.Op.(type) {
	case *ops.LayerNormalization:
		return p.rowsLayerNorm(n, op)
	case *ops.Add:
		return p.rowsBinary(n, kernel.Add)
	case *ops.Mul:
		return p.rowsBinary(n, kernel.Mul)
	}
	return p.rowsUnary(n)
}

// rowsLinear computes a linear layer of several rows as a convolution of one tap.
func (p *plan) rowsLinear(n *ir.Node, op *ops.FusedLinear) (bool, error) {
	images, plane, k, ok := p.rowSizes(n.In(0))
	_, _, out, _ := p.rowSizes(n.Out(0))
	act, known := activationOf(&op.Epilogue)
	w, bias := constFloat32(n.In(1)), constFloat32(n.In(2))
	const few, small = 8, 1 << 15
	if !ok || !known || w == nil || n.In(2) != nil && bias == nil || k < kernel.Block || out < kernel.Block ||
		out%kernel.Block != 0 && !act.KeepsZero() {
		return false, nil
	}
	if images*plane < few && (len(w) > small || !p.hasRows(n.In(0))) {
		return false, nil
	}
	if op.TransB && images*plane <= kernel.DotRows && kernel.ReadInPlace(len(w)) { // where they lie, at memory speed
		return false, nil
	}
	c, err := kernel.NewBlockedConv(kernel.BlockedConvSpec{
		N: images, C: k, OutC: out, Group: 1, Weights: w, InputMajor: !op.TransB, Bias: bias, Act: act, Split: p.splitProduct(n), Set: p.set(),
		Spatial: kernel.Spatial{In: []int{1, plane}, Out: []int{1, plane}, Kernel: []int{1, 1}},
	})
	if err != nil {
		return false, err
	}
	x, err := p.needRows(n, n.In(0))
	if err != nil {
		return false, err
	}
	reads, r := []int{x}, -1
	if n.In(3) != nil {
		if r, err = p.needRows(n, n.In(3)); err != nil {
			return false, err
		}
		reads = append(reads, r)
	}
	y := p.setRows(n.Out(0))
	step := p.kernelStep(c, func(f *frame, task, worker int) {
		c.Run(task, f.float32s(y), f.float32s(x), f.float32s(r), f.scratch[worker])
	})
	p.emit(n, "linear", step.run, reads, []int{y})
	return true, nil
}

// rowsTranspose moves dimensions of one place, or changes between channels second and last, which in the blocked layout is a
// change of name.
func (p *plan) rowsTranspose(n *ir.Node, op *ops.Transpose) bool {
	in, out := n.In(0), n.Out(0)
	perm, err := op.Permutation(len(in.Type().Shape))
	if err != nil {
		return false
	}
	if long := slices.DeleteFunc(slices.Clone(perm), func(d int) bool { return sizes(in)[d] == 1 }); slices.IsSorted(long) && p.rowsReshape(n) {
		return true
	}
	if len(perm) != 4 {
		return false
	}
	switch {
	case slices.Equal(perm, []int{0, 2, 3, 1}) && p.hasBlocked(in):
		p.rows[out.ID()] = p.blocked[in.ID()]
	case slices.Equal(perm, []int{0, 3, 1, 2}) && p.hasRows(in):
		p.blocked[out.ID()] = p.rows[in.ID()]
	default:
		return false
	}
	p.slots[out.ID()].kind = absent
	return true
}

// rowsReshape lets a value of the same rows have its input's place.
func (p *plan) rowsReshape(n *ir.Node) bool {
	images, plane, c, _ := p.rowSizes(n.In(0))
	if in := sizes(n.In(0)); len(in) == 4 && in[0]*in[2]*in[3] == 1 && p.hasBlocked(n.In(0)) && slices.Equal(sizes(n.Out(0)), in[:2]) {
		p.rows[n.Out(0).ID()] = p.blocked[n.In(0).ID()] // one pixel's channels are the same in both
		p.slots[n.Out(0).ID()].kind = absent
		return true
	}
	toImages, toPlane, toC, _ := p.rowSizes(n.Out(0))
	if !p.hasRows(n.In(0)) || images != toImages || plane != toPlane || c != toC {
		return false
	}
	p.rows[n.Out(0).ID()] = p.rows[n.In(0).ID()]
	p.slots[n.Out(0).ID()].kind = absent
	return true
}

func (p *plan) rowsLayerNorm(n *ir.Node, op *ops.LayerNormalization) (bool, error) {
	images, plane, c, _ := p.rowSizes(n.In(0))
	scale, shift := constFloat32(n.In(1)), constFloat32(n.In(2))
	rank := len(n.In(0).Type().Shape)
	if op.Axis != -1 && op.Axis != rank-1 || len(scale) != c || len(shift) != c || c%kernel.Block != 0 {
		return false, nil
	}
	k, err := kernel.NewBlockedNorm(images, plane, scale, shift, op.Epsilon, p.split(), p.set())
	if err != nil {
		return false, err
	}
	x, err := p.needRows(n, n.In(0))
	if err != nil {
		return false, err
	}
	y := p.setRows(n.Out(0))
	return p.blockedStep(n, k, []int{x}, y, func(f *frame, task, _ int) { k.Run(task, f.float32s(y), f.float32s(x)) })
}

// rowsAttention computes all heads of all images, which lie in one plane.
func (p *plan) rowsAttention(n *ir.Node, op *ops.FusedAttention) (bool, error) {
	_, plane, c, ok := p.rowSizes(n.Out(0))
	if !ok || c%(op.Heads*kernel.Block) != 0 || c*plane == 0 || !(op.Scale > 0) {
		return false, nil
	}
	s := sizes(n.Out(0))
	spec := kernel.AttentionSpec{
		N: s[0], T: s[1], Heads: op.Heads, Depth: c / op.Heads, Scale: op.Scale, Interleaved: op.TimeFirst, Split: p.split(), Set: p.set(),
	}
	if op.TimeFirst {
		spec.N, spec.T = s[1], s[0]
	}
	k, err := kernel.NewAttention(spec)
	if err != nil {
		return false, err
	}
	x, err := p.needRows(n, n.In(0))
	if err != nil {
		return false, err
	}
	y := p.setRows(n.Out(0))
	return p.blockedStep(n, k, []int{x}, y, func(f *frame, task, worker int) {
		k.Run(task, f.float32s(y), f.float32s(x), f.scratch[worker])
	})
}

// rowsBinary computes a sum or product of two values of one shape.
func (p *plan) rowsBinary(n *ir.Node, op kernel.BinaryOp) (bool, error) {
	if n.In(0).Const() != nil || n.In(1).Const() != nil || !slices.Equal(sizes(n.In(0)), sizes(n.In(1))) {
		return false, nil
	}
	a, err := p.needRows(n, n.In(0))
	if err != nil {
		return false, err
	}
	b, err := p.needRows(n, n.In(1))
	if err != nil {
		return false, err
	}
	return p.flatBinary(n, op, a, b, p.setRows(n.Out(0)))
}

func (p *plan) rowsUnary(n *ir.Node) (bool, error) {
	spec, ok := unaryOf(n)
	_, _, c, _ := p.rowSizes(n.Out(0))
	act := kernel.Activation{Kind: kernel.Function, Op: spec.Op, Min: spec.Alpha, Max: spec.Beta}
	if !ok || !p.hasRows(n.In(0)) || c%kernel.Block != 0 && !act.KeepsZero() {
		return false, nil
	}
	return p.flatUnary(n, spec, p.rows[n.In(0).ID()], p.setRows(n.Out(0)))
}
