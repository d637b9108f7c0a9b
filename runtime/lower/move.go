package lower

import (
	"slices"

	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// move selects how elements are moved, where a change of names does not do.
func (s *selector) move(n *ir.Node) (bool, error) {
	switch op := n.Op.(type) {
	case *ops.Transpose:
		if s.rowable(n) && s.rowsTranspose(n, op) {
			return true, nil
		}
		return s.transpose(n, op)
	case *ops.Gather:
		return s.gather(n, op)
	case *ops.Slice:
		return s.slice(n, op)
	case *ops.Split:
		if s.blockedSplit(n, op) {
			return true, nil
		}
		return s.plainSplit(n, op)
	case *ops.Concat:
		if s.followsBlocked(n) {
			if done, err := s.blockedConcat(n, op); done || err != nil {
				return done, err
			}
		}
		return s.concat(n, op)
	}
	return false, nil
}

// reshape lets a node's output, of other shape and else the same, lie where its input lies. It reports false where the input
// lies in nobody's memory that outlasts the step.
func (s *selector) reshape(n *ir.Node) bool {
	if s.rowable(n) && s.rowsReshape(n) {
		return true
	}
	in := s.Slots[n.In(0).ID()].Kind
	if in != Planned && in != Constant {
		return false
	}
	s.alias(n, s.read(n.In(0), Plain), s.write(n.Out(0), Plain))
	return true
}

// alias gives a value the place of another one, of which it has all elements.
func (s *selector) alias(n *ir.Node, x, y *Array) { s.parts(n, x, []View{{Of: y, In: x}}) }

// parts gives values their places in x; what cannot lie there is copied.
func (s *selector) parts(n *ir.Node, x *Array, views []View) {
	var outs []*Array
	for _, v := range views {
		outs = append(outs, v.Of)
	}
	s.later(n, arrays(x), outs, func(st *Step) (tasked, Task, error) {
		var left copies
		for _, v := range st.Views {
			if !v.Done {
				flat := kernel.CopySpec{Shape: []int{v.Of.Len}, DstStrides: []int{1}, SrcStrides: []int{1}, SrcOffset: v.At / 4, Split: st.split}
				if err := left.add(flat, v.Of, v.In); err != nil {
					return nil, nil, err
				}
			}
		}
		return named{left, "copy"}, left.run(s.opts.Set), nil
	}).Views = views
}

// rowsTranspose moves dimensions of one place, or changes between channels second and last, which in the blocked layout is a
// change of name.
func (s *selector) rowsTranspose(n *ir.Node, op *ops.Transpose) bool {
	in, out := n.In(0), n.Out(0)
	perm, err := op.Permutation(len(in.Type().Shape))
	if err != nil {
		return false
	}
	if long := slices.DeleteFunc(slices.Clone(perm), func(d int) bool { return sizes(in)[d] == 1 }); slices.IsSorted(long) && s.rowsReshape(n) {
		return true
	}
	switch {
	case slices.Equal(perm, []int{0, 2, 3, 1}) && s.isIn(in, Blocked):
		s.alias(n, s.read(in, Blocked), s.write(out, Rows))
	case slices.Equal(perm, []int{0, 3, 1, 2}) && s.isIn(in, Rows):
		s.alias(n, s.read(in, Rows), s.write(out, Blocked))
	default:
		return false
	}
	return true
}

// rowsReshape lets a value of the same rows have its input's place.
func (s *selector) rowsReshape(n *ir.Node) bool {
	images, plane, c, _ := s.rowSizes(n.In(0))
	if in := sizes(n.In(0)); len(in) == 4 && in[0]*in[2]*in[3] == 1 && s.isIn(n.In(0), Blocked) && slices.Equal(sizes(n.Out(0)), in[:2]) {
		s.alias(n, s.read(n.In(0), Blocked), s.write(n.Out(0), Rows)) // one pixel's channels are the same in both
		return true
	}
	toImages, toPlane, toC, _ := s.rowSizes(n.Out(0))
	if !s.isIn(n.In(0), Rows) || images != toImages || plane != toPlane || c != toC {
		return false
	}
	s.alias(n, s.read(n.In(0), Rows), s.write(n.Out(0), Rows))
	return true
}

func (s *selector) transpose(n *ir.Node, op *ops.Transpose) (bool, error) {
	in := sizes(n.In(0))
	perm, err := op.Permutation(len(in))
	if err != nil {
		return false, err
	}
	spec, err := kernel.PermuteSpec(in, perm, s.split())
	if err != nil {
		return false, nil
	}
	return s.copyStep(n, spec)
}

func (s *selector) slice(n *ir.Node, op *ops.Slice) (bool, error) {
	offset, strides, ok := op.Strided(n)
	if !ok {
		return false, nil
	}
	out := sizes(n.Out(0))
	return s.copyStep(n, kernel.CopySpec{Shape: out, DstStrides: tensor.Strides(out), SrcStrides: strides, SrcOffset: offset, Split: s.split()})
}

// gather takes one place, known now, along an axis.
func (s *selector) gather(n *ir.Node, op *ops.Gather) (bool, error) {
	in := sizes(n.In(0))
	axis := op.Axis
	if axis < 0 {
		axis += len(in)
	}
	if n.In(1).Const() == nil || n.In(1).Const().Len() != 1 || axis < 0 || axis >= len(in) {
		return false, nil
	}
	index, _ := n.In(1).Const().AsInts()
	at := index[0]
	if at < 0 {
		at += in[axis]
	}
	if at < 0 || at >= in[axis] { // the reference says so
		return false, nil
	}
	outer, inner := product(in[:axis]), product(in[axis+1:])
	return s.copyStep(n, kernel.CopySpec{
		Shape: []int{outer, inner}, DstStrides: []int{inner, 1}, SrcStrides: []int{in[axis] * inner, 1}, SrcOffset: at * inner, Split: s.split(),
	})
}

// copyStep makes a step of a copy from the first input to the output.
func (s *selector) copyStep(n *ir.Node, spec kernel.CopySpec) (bool, error) {
	k, err := kernel.NewCopy(spec)
	if err != nil { // more dimensions than the kernel takes
		return false, nil
	}
	y, x := s.array(n.Out(0), Plain), s.array(n.In(0), Plain)
	s.plain(n, k, func(m *Memory, task, _ int) { k.RunFloat32(s.opts.Set, task, m.F32(y), m.F32(x)) }).Algorithm = "copy"
	return true, nil
}

// copies is tasks of several copies.
type copies []copyTask

type copyTask struct {
	k    *kernel.Copy
	task int
	to   *Array
	from *Array
}

func (c copies) Tasks() int       { return len(c) }
func (c copies) ScratchSize() int { return 0 }

// add appends the tasks of a copy.
func (c *copies) add(spec kernel.CopySpec, to, from *Array) error {
	k, err := kernel.NewCopy(spec)
	if err != nil {
		return err
	}
	for task := range k.Tasks() {
		*c = append(*c, copyTask{k, task, to, from})
	}
	return nil
}

// run is what each task does.
func (c copies) run(set *kernel.Set) Task {
	return func(m *Memory, task, _ int) {
		t := c[task]
		t.k.RunFloat32(set, t.task, m.F32(t.to), m.F32(t.from))
	}
}

// plainSplit copies each output's part of the input; all copies together are the step's tasks.
func (s *selector) plainSplit(n *ir.Node, op *ops.Split) (bool, error) {
	in := sizes(n.In(0))
	axis := op.Axis
	if axis < 0 {
		axis += len(in)
	}
	if axis < 0 || axis >= len(in) || slices.Contains(n.Outputs(), nil) {
		return false, nil
	}
	strides, x, at := tensor.Strides(in), s.array(n.In(0), Plain), 0
	var parts copies
	for _, v := range n.Outputs() {
		out := sizes(v)
		spec := kernel.CopySpec{Shape: out, DstStrides: tensor.Strides(out), SrcStrides: strides, SrcOffset: at * strides[axis], Split: s.split()}
		if parts.add(spec, s.array(v, Plain), x) != nil {
			return false, nil
		}
		at += out[axis]
	}
	s.plain(n, parts, parts.run(s.opts.Set)).Algorithm = "copy"
	return true, nil
}

// concat copies each input into its part of the output; all copies together are the step's tasks.
func (s *selector) concat(n *ir.Node, op *ops.Concat) (bool, error) {
	out := sizes(n.Out(0))
	axis := op.Axis
	if axis < 0 {
		axis += len(out)
	}
	strides, y, at := tensor.Strides(out), s.array(n.Out(0), Plain), 0
	var parts copies
	for _, v := range n.Inputs() {
		in := sizes(v)
		spec := kernel.CopySpec{Shape: in, DstStrides: strides, SrcStrides: tensor.Strides(in), DstOffset: at * strides[axis], Split: s.split()}
		if parts.add(spec, y, s.array(v, Plain)) != nil {
			return false, nil
		}
		at += in[axis]
	}
	s.plain(n, parts, parts.run(s.opts.Set))
	return true, nil
}

// joinsBlocks reports whether values lie one after the other along the channels of blocked data: all but the last are whole
// blocks.
func joinsBlocks(values []*ir.Value, axis int) bool {
	for i, v := range values {
		if v == nil || v.Const() != nil || i+1 < len(values) && sizes(v)[1]%kernel.Block != 0 {
			return false
		}
	}
	return axis == 1 || axis == -3
}

// blockedConcat joins values along their channels: by giving them places in the result, or by copying them there.
func (s *selector) blockedConcat(n *ir.Node, op *ops.Concat) (bool, error) {
	if !joinsBlocks(n.Inputs(), op.Axis) {
		return false, nil
	}
	var ins []*Array
	for _, v := range n.Inputs() {
		ins = append(ins, s.read(v, Blocked))
	}
	y := s.write(n.Out(0), Blocked)
	images := sizes(n.Out(0))[0]
	var views []View
	at := 0
	for _, x := range ins {
		views = append(views, View{Of: x, In: y, At: 4 * at, Kind: Whole})
		at += x.Len / max(1, images)
	}
	st := s.later(n, ins, arrays(y), func(st *Step) (tasked, Task, error) {
		var left copies
		for i, x := range ins {
			if len(st.Views) > 0 && st.Views[i].Done {
				continue
			}
			size := x.Len / max(1, images)
			err := left.add(kernel.CopySpec{
				Shape: []int{images, size}, DstStrides: []int{y.Len / max(1, images), 1}, SrcStrides: []int{size, 1},
				DstOffset: views[i].At / 4, Split: st.split,
			}, y, x)
			if err != nil {
				return nil, nil, err
			}
		}
		return left, left.run(s.opts.Set), nil
	})
	if images == 1 {
		st.Views = views
	}
	return true, nil
}

// blockedSplit gives the parts of one image their places in it, where each begins at a whole block of channels.
func (s *selector) blockedSplit(n *ir.Node, op *ops.Split) bool {
	x := n.In(0)
	if !s.isBlockable(x) || !s.isIn(x, Blocked) || sizes(x)[0] != 1 || !joinsBlocks(n.Outputs(), op.Axis) {
		return false
	}
	in, at := s.read(x, Blocked), 0
	var views []View
	for _, v := range n.Outputs() {
		y := s.write(v, Blocked)
		views = append(views, View{Of: y, In: in, At: 4 * at})
		at += y.Len
	}
	s.parts(n, in, views)
	return true
}
