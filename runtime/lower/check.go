package lower

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
)

// stage is how far a program has come.
type stage uint8

const (
	selected stage = iota
	placed
	emitted
)

func (s stage) String() string { return [...]string{"select", "place", "emit"}[s] }

// verify holds the steps against the graph, if that is asked for: every node is computed once, nothing is read before it has
// been made, nothing is made twice, and what lives at the same time lies apart.
func (p *Program) verify(opts Options, after stage) error {
	if !opts.Check {
		return nil
	}
	c := &checker{Program: p, stage: after, by: map[*ir.Node]*Step{}, values: map[int]bool{}, made: map[*Array]bool{}, over: map[place]*Array{}, under: map[*Array]bool{}}
	for _, st := range p.Steps {
		if err := c.step(st); err != nil {
			return fmt.Errorf("lower: after %v: %w", after, at(st.Node(), err))
		}
	}
	if err := c.end(); err != nil {
		return fmt.Errorf("lower: after %v: %w", after, err)
	}
	if after == emitted {
		return p.verifyArena()
	}
	return nil
}

type checker struct {
	*Program
	stage  stage
	by     map[*ir.Node]*Step // that compute it
	values map[int]bool       // that have been made in some layout
	made   map[*Array]bool
	over   map[place]*Array // what has been written over something else
	under  map[*Array]bool  // what had been made before that
}

// place is where in memory an array begins.
type place struct{ root, at int }

func (c *checker) step(st *Step) error {
	for _, n := range st.Nodes {
		if n.Graph() != c.Graph {
			return fmt.Errorf("%s step: node %q is of another graph", st.Kernel, n.Name)
		}
		if first := c.by[n]; first != nil && !st.Helper && first.Nodes[0] != st.Nodes[0] {
			return fmt.Errorf("%s step: node %q is computed by another step, of node %q", st.Kernel, n.Name, first.Nodes[0].Name)
		}
		if !st.Helper {
			c.by[n] = st
		}
	}
	for _, a := range st.Reads {
		if !c.available(a) {
			return fmt.Errorf("%s step: reads %v, which no step upstream makes", st.Kernel, a)
		}
		if y := c.overwriter(a); y != nil {
			return fmt.Errorf("%s step: reads %v, over which %v has been written", st.Kernel, a, y)
		}
	}
	for _, a := range st.Writes {
		if c.made[a] && !slices.Contains(st.Reads, a) {
			return fmt.Errorf("%s step: makes %v, which a step upstream has made", st.Kernel, a)
		}
		if c.stage >= placed && (a.Slot < 0 || a.Slot >= len(c.Slots)) {
			return fmt.Errorf("%s step: %v has no slot", st.Kernel, a)
		}
		if s := c.slotOf(a); s != nil && (s.Kind == Planned || s.Kind == Aliased) && s.Size < a.Len*a.DType.Size() {
			return fmt.Errorf("%s step: %v has a slot of %d bytes", st.Kernel, a, s.Size)
		}
		c.made[a] = true
		if a.Value != nil {
			c.values[a.Value.ID()] = true
		}
	}
	c.overwrite(st)
	if idle := st.Kernel == "alias" || st.Kernel == "reference"; c.stage == emitted && idle != (len(st.Phases) == 0) {
		return fmt.Errorf("%s step: has %d phases", st.Kernel, len(st.Phases))
	}
	return nil
}

// overwrite notes what a step has written over.
func (c *checker) overwrite(st *Step) {
	for _, v := range st.Views {
		if v.Kind != Overwrite || !v.Done {
			continue
		}
		at := c.placeOf(v.In)
		c.over[at] = v.Of
		for a := range c.made {
			if a != v.Of && c.placeOf(a) == at {
				c.under[a] = true
			}
		}
	}
}

// overwriter is what has been written over an array since it was made; nil if nothing has.
func (c *checker) overwriter(a *Array) *Array {
	if c.stage >= placed && c.under[a] {
		return c.over[c.placeOf(a)]
	}
	return nil
}

func (c *checker) placeOf(a *Array) place {
	root, at := c.Root(a.Slot)
	return place{root, at}
}

func (c *checker) slotOf(a *Array) *Slot {
	if c.stage < placed {
		return nil
	}
	return &c.Slots[a.Slot]
}

// available reports whether an array can be read: after select, where its value has been made in any layout.
func (c *checker) available(a *Array) bool {
	if a.Value == nil {
		return c.made[a]
	}
	if a.Value.Def() == nil && (a.Layout == Plain || c.stage < placed) || c.Slots[a.Value.ID()].Kind == Empty {
		return true
	}
	if c.stage < placed {
		return c.values[a.Value.ID()]
	}
	return c.made[a] || c.sameAs(a)
}

// sameAs reports whether an array that no step makes lies in one of the same value that is made, in a layout that is the same.
func (c *checker) sameAs(a *Array) bool {
	for _, l := range []Layout{Plain, Blocked, Rows} {
		b := c.Program.values[arrayKey{a.Value.ID(), l}]
		if b == nil || b == a || b.Slot < 0 || !c.made[b] && (b.Value.Def() != nil || l != Plain) {
			continue
		}
		if rootA, atA := c.Root(a.Slot); a.Len == b.Len {
			if rootB, atB := c.Root(b.Slot); rootA == rootB && atA == atB {
				return true
			}
		}
	}
	return false
}

// end checks that all nodes have been computed, and that outputs are plain arrays.
func (c *checker) end() error {
	for _, n := range c.Graph.Nodes() {
		if c.by[n] == nil && !allEmpty(c.Program, n) {
			return at(n, fmt.Errorf("no step computes it"))
		}
	}
	for _, v := range c.Graph.Outputs() {
		if !c.available(c.Program.values.of(v, Plain)) {
			return fmt.Errorf("output %q: no step makes it", v.Name())
		}
	}
	return nil
}

// allEmpty reports whether there is nothing to compute for a node.
func allEmpty(p *Program, n *ir.Node) bool {
	for _, v := range n.Outputs() {
		if v != nil && p.Slots[v.ID()].Kind != Empty {
			return false
		}
	}
	return true
}

// verifyArena checks that slots which live at the same time do not overlap.
func (p *Program) verifyArena() error {
	live := map[int]bool{}
	begins, ends := make([][]int, len(p.Steps)+1), make([][]int, len(p.Steps)+1)
	for id, s := range p.Slots {
		if s.Kind == Planned && s.Size > 0 {
			begins[s.First] = append(begins[s.First], id)
			ends[s.Last] = append(ends[s.Last], id)
		}
	}
	for i := range begins {
		for _, id := range begins[i] {
			s := p.Slots[id]
			if s.Offset+s.Size > p.Arena {
				return fmt.Errorf("lower: slot %d ends beyond the arena", id)
			}
			for other := range live {
				if o := p.Slots[other]; s.Offset < o.Offset+o.Size && o.Offset < s.Offset+s.Size {
					return fmt.Errorf("lower: slots %d and %d overlap in step %d", id, other, i)
				}
			}
			live[id] = true
		}
		for _, id := range ends[i] {
			delete(live, id)
		}
	}
	return nil
}
