package lower

import (
	"context"

	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// placer goes through the steps in order and gives every array a slot.
type placer struct {
	*Program
	opts    Options
	steps   []*Step
	sharers map[int]int // slot → arrays, and slots, that lie in it
}

// place gives arrays slots, and puts steps that convert between layouts before those that need them.
func (p *Program) place(ctx context.Context, opts Options) error {
	pl := &placer{Program: p, opts: opts, sharers: map[int]int{}}
	for _, st := range p.Steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := pl.step(st); err != nil {
			return at(st.Node(), err)
		}
	}
	for _, v := range p.Graph.Outputs() {
		if v.Def() == nil {
			continue
		}
		end := &Step{Nodes: []*ir.Node{v.Def()}, DType: v.Type().DType, split: 4 * opts.Threads}
		if err := pl.provide(end, p.values.of(v, Plain)); err != nil {
			return at(v.Def(), err)
		}
	}
	p.Steps = pl.steps
	return nil
}

func (p *placer) step(st *Step) error {
	for _, a := range st.Reads {
		if err := p.provide(st, a); err != nil {
			return err
		}
	}
	for i := range st.Views {
		if st.Views[i].Kind != Whole {
			st.Views[i].Done = p.view(&st.Views[i])
		}
	}
	for _, a := range st.Writes {
		p.settle(a)
	}
	for i := range st.Views {
		if st.Views[i].Kind == Whole {
			st.Views[i].Done = p.view(&st.Views[i])
		}
	}
	p.steps = append(p.steps, st)
	return nil
}

// settle gives an array that a step writes a slot, if it has none.
func (p *placer) settle(a *Array) {
	if a.made {
		return
	}
	if a.Slot < 0 {
		a.Slot = p.newSlot(a.DType, a.Len)
	}
	a.made = true
	p.sharers[a.Slot]++
}

// provide makes sure that an array has been made when a step reads it, by conversions of the same value in another layout.
func (p *placer) provide(st *Step, a *Array) error {
	if a.made || a.Value == nil {
		return nil
	}
	if a.Layout == Plain && (a.Value.Def() == nil || p.Slots[a.Slot].Kind == Empty) {
		p.settle(a)
		return nil
	}
	if a.Layout != Plain {
		plain := p.values.of(a.Value, Plain)
		if err := p.provide(st, plain); err != nil {
			return err
		}
		return p.convert(st, plain, a)
	}
	for _, l := range []Layout{Blocked, Rows} {
		if from := p.values[arrayKey{a.Value.ID(), l}]; from != nil && from.made {
			return p.convert(st, from, a)
		}
	}
	return nil // never computed: the check says so
}

// convert makes to, which is plain, or else from is, of the same value in the other layout. Where both are the same it lies
// there, but never in an input of the graph, which is not of the program's own memory.
func (p *placer) convert(st *Step, from, to *Array) error {
	spec, name := layoutSpec(from, to), "to "+to.Layout.String()
	spec.Split, spec.Set = st.split, p.opts.Set
	prepare := kernel.NewToBlocked
	if to.Layout == Plain {
		name, prepare = "from "+from.Layout.String(), kernel.NewFromBlocked
	}
	if spec.C%kernel.Block == 0 && spec.Plane == 1 {
		if to.Layout == Plain {
			s := &p.Slots[to.Slot]
			s.Kind, s.Alias = Aliased, from.Slot
			p.sharers[from.Slot]++
			p.settle(to)
			return nil
		}
		if p.Slots[from.Slot].Kind != Input {
			to.Slot = from.Slot
			p.settle(to)
			return nil
		}
	}
	k, err := prepare(spec)
	if err != nil {
		return err
	}
	p.settle(to)
	p.Scratch = max(p.Scratch, k.ScratchSize())
	c := &Step{
		Nodes: st.Nodes[:1], Kernel: "convert", Algorithm: name, DType: to.DType, Reads: arrays(from), Writes: arrays(to), Helper: true,
		Phases: []Phase{{Tasks: k.Tasks(), Task: func(m *Memory, task, _ int) { k.Run(task, m.F32(to), m.F32(from)) }}},
	}
	c.Cost = estimate(c)
	p.steps = append(p.steps, c)
	return nil
}

// layoutSpec describes the conversion between two arrays of a value.
func layoutSpec(from, to *Array) kernel.LayoutSpec {
	shape := sizes(to.Value)
	if from.Layout == Rows || to.Layout == Rows {
		images, plane, c := rowDims(shape)
		return kernel.LayoutSpec{N: images, C: c, Plane: plane, Last: true}
	}
	return kernel.LayoutSpec{N: shape[0], C: shape[1], Plane: shape[2] * shape[3]}
}

// view lets an array lie in another one, if it may.
func (p *placer) view(v *View) bool {
	switch v.Kind {
	case Whole:
		s := &p.Slots[v.Of.Slot]
		if s.Kind != Planned || v.Of.Slot == v.In.Slot {
			return false
		}
		s.Kind, s.Alias, s.Delta = Aliased, v.In.Slot, v.At
		p.sharers[v.In.Slot]++
	case Overwrite:
		in := v.In
		if in.Value == nil || in.Slot == in.Value.ID() || p.Slots[in.Slot].Kind != Planned || p.sharers[in.Slot] != 1 {
			return false
		}
		v.Of.Slot = in.Slot
	case Part:
		root, at := p.Root(v.In.Slot)
		whole := v.At == 0 && v.Of.Len == v.In.Len
		switch kind := p.Slots[root].Kind; {
		case kind != Planned && !(kind == Constant && whole), v.Of.Layout == Plain && p.Slots[v.Of.Slot].Kind != Planned:
			return false
		case v.Of.Layout != Plain && whole:
			v.Of.Slot = v.In.Slot
			return true
		case v.Of.Layout != Plain:
			v.Of.Slot = p.newSlot(v.Of.DType, v.Of.Len)
		}
		s := &p.Slots[v.Of.Slot]
		s.Kind, s.Alias, s.Delta = Aliased, root, at+v.At // not one after the other: chains are walked
		p.sharers[root]++
	}
	return true
}

// arraySet is the arrays of values.
type arraySet map[arrayKey]*Array

type arrayKey struct {
	value  int
	layout Layout
}

// of is the elements of a value in a layout; nil for no value.
func (s arraySet) of(v *ir.Value, l Layout) *Array {
	if v == nil {
		return nil
	}
	key := arrayKey{v.ID(), l}
	a := s[key]
	if a != nil {
		return a
	}
	a = &Array{Value: v, Layout: l, DType: v.Type().DType, Slot: -1}
	shape, known := v.Type().Shape.Ints()
	switch {
	case l == Blocked:
		a.Len = BlockedLen(shape[0], shape[1], shape[2]*shape[3])
	case l == Rows:
		images, plane, c := rowDims(shape)
		a.Len = BlockedLen(images, c, plane)
	default:
		a.Slot = v.ID()
		if n, err := tensor.Count(a.DType, shape); known && err == nil {
			a.Len = n
		}
	}
	s[key] = a
	return a
}
