package ir

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/tensor"
)

// Rewriter changes a graph; nothing else does once it is built. Edits may be made while ranging over the graph's Nodes:
// that list, and the types of what depends on a replaced value, stay as they are until Done. Between NewRewriter and
// Done nodes may also be appended.
type Rewriter struct {
	g      *Graph
	before map[*Node][]*Node // inserted nodes, by the node that they precede
	last   []*Node           // inserted at the end
	added  map[*Node]bool
	loose  []*Value // lost a use: dead if that was the last
	edits  int
	retype bool // types may change
	// outputs is where among the graph's outputs a value stands; nil before it is needed.
	outputs map[*Value][]int
}

// NewRewriter begins a change of g, which Done ends.
func NewRewriter(g *Graph) *Rewriter {
	return &Rewriter{g: g, before: map[*Node][]*Node{}, added: map[*Node]bool{}}
}

// NewRetyper is NewRewriter for a change after which values may have other types: replacements need not be of a
// compatible type, and SetNode gives a node's outputs the types that follow from its inputs. It is for the caller to make
// what reads the values fit, before Done infers all types.
func NewRetyper(g *Graph) *Rewriter {
	r := NewRewriter(g)
	r.retype = true
	return r
}

// Changed reports whether an edit has been made.
func (r *Rewriter) Changed() bool { return r.edits > 0 }

// Edits is how many edits have been made, the removal of what they made useless included.
func (r *Rewriter) Edits() int { return r.edits }

// Graph is the graph that is changed.
func (r *Rewriter) Graph() *Graph { return r.g }

// Const adds a constant, under a name made from base.
func (r *Rewriter) Const(base string, t *tensor.Tensor) *Value {
	c, err := r.g.AddConst(r.g.FreshName(base), t)
	if err != nil { // a fresh name cannot be taken
		panic(err)
	}
	r.loose = append(r.loose, c)
	return c
}

// Free makes a constant the last graph input and returns what it held.
func (r *Rewriter) Free(v *Value) (*tensor.Tensor, error) {
	if !r.g.owns(v) || v.konst == nil {
		return nil, fmt.Errorf("ir: value %q: is not a constant of the graph", v.name)
	}
	t := v.konst
	v.konst, v.dims = nil, nil
	r.g.addInput(v)
	r.edits++
	return t, nil
}

// SetConst gives a constant another tensor, of the same type unless r is a retyper.
func (r *Rewriter) SetConst(v *Value, t *tensor.Tensor) error {
	typ := TensorType(t)
	switch {
	case !r.g.owns(v) || v.konst == nil:
		return fmt.Errorf("ir: value %q: is not a constant of the graph", v.name)
	case !r.retype && !v.typ.Accepts(typ):
		return fmt.Errorf("ir: value %q: its type is %v, not %v", v.name, v.typ, typ)
	}
	v.konst, v.typ, v.dims = t, typ, constDims(t)
	r.edits++
	return nil
}

// Insert adds a node of one output before another one, at the end if that is nil, and returns the output, which is
// named as the node is. Names that are taken get a number added.
func (r *Rewriter) Insert(before *Node, name string, op Op, inputs ...*Value) (*Value, error) {
	n, err := r.InsertN(before, name, op, inputs, r.g.FreshName(name))
	if err != nil {
		return nil, err
	}
	return n.outputs[0], nil
}

// InsertN is Insert for a node of any outputs, whose names must be free; one named "" is absent.
func (r *Rewriter) InsertN(before *Node, name string, op Op, inputs []*Value, outputs ...string) (*Node, error) {
	if before != nil && before.graph != r.g {
		return nil, fmt.Errorf("ir: node %q is not in the graph", before.Name)
	}
	n, err := r.g.newNode(name, op, inputs, outputs)
	if err != nil {
		return nil, err
	}
	if before == nil {
		r.last = append(r.last, n)
	} else {
		r.before[before] = append(r.before[before], n)
	}
	r.added[n] = true
	r.edits++
	r.loose = append(r.loose, n.outputs...)
	return n, nil
}

// CanReplace says why Replace would refuse, nil if it would not.
func (r *Rewriter) CanReplace(old, new *Value) error {
	refuse := func(why string) error {
		return fmt.Errorf("ir: value %q cannot take the place of %q: %s", new.name, old.name, why)
	}
	switch {
	case !r.g.owns(old) || !r.g.owns(new):
		return refuse("both must be of the graph")
	case !r.retype && !old.typ.Accepts(new.typ):
		return refuse(fmt.Sprintf("its type is %v, not %v", new.typ, old.typ))
	case !old.IsOutput():
	case old.IsInput():
		return refuse("that is a graph input and a graph output")
	case new.IsInput():
		return refuse("a graph input cannot be a graph output under another name")
	case new.IsOutput():
		return refuse("it is a graph output of its own")
	}
	return nil
}

// Replace lets new take old's place: its uses, and its name where it is a graph output. Uses by the nodes inserted by
// this Rewriter that compute new stay, so that a node can be put between a value and its readers. What computed old goes with Done
// unless it has other uses.
func (r *Rewriter) Replace(old, new *Value) error {
	if old == new {
		return nil
	}
	if err := r.CanReplace(old, new); err != nil {
		return err
	}
	keep := map[*Node]bool{}
	r.computing(new, keep)
	uses := old.uses
	old.uses = nil
	for _, u := range uses {
		if keep[u.Node] {
			old.uses = append(old.uses, u)
			continue
		}
		u.Node.inputs[u.Index] = new
		new.uses = append(new.uses, u)
	}
	if old.IsOutput() {
		r.replaceOutput(old, new)
		r.swapNames(old, new)
	}
	r.loose = append(r.loose, old)
	r.edits++
	return nil
}

// replaceOutput lets new be the graph outputs that old is.
func (r *Rewriter) replaceOutput(old, new *Value) {
	if r.outputs == nil {
		r.outputs = make(map[*Value][]int, len(r.g.outputs))
		for i, v := range r.g.outputs {
			r.outputs[v] = append(r.outputs[v], i)
		}
	}
	for _, i := range r.outputs[old] {
		r.g.outputs[i] = new
	}
	r.outputs[new] = append(r.outputs[new], r.outputs[old]...)
	delete(r.outputs, old)
	new.outs, old.outs = new.outs+old.outs, 0
}

func (r *Rewriter) swapNames(v, w *Value) {
	v.name, w.name = w.name, v.name
	r.g.names.set(v.name, v)
	r.g.names.set(w.name, w)
}

// Become is Replace for the case that the node of new was changed so that new is what old was: new takes old's name as
// well, unless new is a graph input.
func (r *Rewriter) Become(old, new *Value) error {
	if err := r.Replace(old, new); err != nil {
		return err
	}
	if old != new && !new.IsOutput() && !new.IsInput() {
		r.swapNames(old, new)
	}
	return nil
}

// computing collects the nodes of this Rewriter's making that v depends on.
func (r *Rewriter) computing(v *Value, nodes map[*Node]bool) {
	if v == nil || v.def == nil || nodes[v.def] || !r.added[v.def] {
		return
	}
	nodes[v.def] = true
	for _, in := range v.def.inputs {
		r.computing(in, nodes)
	}
}

// SetInputs gives a node other inputs. The types that its outputs then have must be compatible with those they had.
func (r *Rewriter) SetInputs(n *Node, inputs ...*Value) error { return r.SetNode(n, n.Op, inputs...) }

// SetInput gives a node another input i.
func (r *Rewriter) SetInput(n *Node, i int, v *Value) error {
	inputs := slices.Clone(n.inputs)
	for len(inputs) <= i {
		inputs = append(inputs, nil)
	}
	inputs[i] = v
	return r.SetNode(n, n.Op, inputs...)
}

// SetNode turns a node into another one with the same name and outputs. The types that these then have must be
// compatible with those they had.
func (r *Rewriter) SetNode(n *Node, op Op, inputs ...*Value) error {
	fail := func(err error) error { return &Error{Node: n.Name, Op: n.OpName(), Err: err} }
	if n.graph != r.g {
		return fail(fmt.Errorf("is not in the graph"))
	}
	inputs = slices.Clone(withoutLastAbsent(inputs))
	for i, v := range inputs {
		if v != nil && !r.g.owns(v) {
			return fail(fmt.Errorf("input %d: value %q is not of this graph", i, v.name))
		}
	}
	types, dims, err := inferNode(&Node{Name: n.Name, Op: op, inputs: inputs, outputs: n.outputs, graph: r.g}, len(n.outputs))
	if err != nil {
		return err
	}
	for i, v := range n.outputs {
		if v != nil && !r.retype && !v.typ.Accepts(types[i]) {
			return fail(fmt.Errorf("output %d: as %s its type is %v, not %v", i, op.Def().FullName(), types[i], v.typ))
		}
	}
	for i, v := range n.outputs {
		if v != nil {
			v.typ, v.dims = types[i], dims[i]
		}
	}
	r.unlink(n)
	n.Op, n.inputs = op, inputs
	for i, v := range inputs {
		if v != nil {
			v.uses = append(v.uses, Use{n, i})
		}
	}
	r.edits++
	return nil
}

// DropOutput makes an optional output that nobody uses absent.
func (r *Rewriter) DropOutput(n *Node, i int) error {
	v := n.Out(i)
	if v == nil {
		return nil
	}
	if len(v.uses) > 0 || v.IsOutput() {
		return &Error{Node: n.Name, Op: n.OpName(), Err: fmt.Errorf("output %d is used", i)}
	}
	least, _ := Arity(n.Op.Def().Outs)
	if ParamAt(n.Op.Def().Outs, i).Kind != Optional {
		return &Error{Node: n.Name, Op: n.OpName(), Err: fmt.Errorf("output %d is not optional", i)}
	}
	r.drop(v)
	n.outputs[i] = nil
	for len(n.outputs) > least && n.outputs[len(n.outputs)-1] == nil {
		n.outputs = n.outputs[:len(n.outputs)-1]
	}
	return nil
}

// RemoveDead lets Done remove all that no graph output depends on, constants included, whatever made it so.
func (r *Rewriter) RemoveDead() { r.loose = append(r.loose, r.g.Values()...) }

// Prune removes at once the nodes and constants that edits made useless, as Done will.
func (r *Rewriter) Prune() {
	for len(r.loose) > 0 {
		v := r.loose[len(r.loose)-1]
		r.loose = r.loose[:len(r.loose)-1]
		switch {
		case v == nil || !r.g.owns(v) || len(v.uses) > 0 || v.IsOutput():
		case v.konst != nil:
			r.drop(v)
		case v.def != nil && r.isDead(v.def):
			r.remove(v.def)
		}
	}
}

// Removed reports whether a node that Nodes still lists is gone.
func (r *Rewriter) Removed(n *Node) bool { return n.graph == nil }

// Remove removes a node whose outputs nobody uses.
func (r *Rewriter) Remove(n *Node) error {
	if !r.isDead(n) {
		return &Error{Node: n.Name, Op: n.OpName(), Err: fmt.Errorf("cannot be removed: an output is used")}
	}
	r.remove(n)
	return nil
}

// Done ends the change: what it made useless is removed, nodes are put in order, types inferred anew and ids made dense.
// After an error the graph is of no further use.
func (r *Rewriter) Done() error {
	r.Prune()
	if r.Changed() {
		r.merge()
		if err := r.g.sort(); err != nil {
			return err
		}
		if err := r.g.InferAll(); err != nil {
			return err
		}
	}
	r.g.compact()
	*r = Rewriter{g: r.g, before: map[*Node][]*Node{}, added: map[*Node]bool{}, retype: r.retype}
	return nil
}
