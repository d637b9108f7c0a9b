package ir

import (
	"fmt"

	"github.com/onnxrun/onnxrun/tensor"
)

// Gradient is what the Grad of an operator works with: a node, and the gradients of its outputs. The Grad appends nodes
// that compute the gradients of the inputs, and hands these to Give. A gradient has the type of its value.
type Gradient struct {
	Node *Node

	outs, ins []*Value
	wants     []bool
}

// NewGradient prepares the Grad of n. outs are the gradients of its outputs, nil where there is none; wants says for
// which inputs a gradient is asked for.
func NewGradient(n *Node, outs []*Value, wants []bool) *Gradient {
	return &Gradient{Node: n, outs: outs, ins: make([]*Value, len(n.inputs)), wants: wants}
}

// In and Out are the node's inputs and outputs, nil when absent.
func (d *Gradient) In(i int) *Value  { return d.Node.In(i) }
func (d *Gradient) Out(o int) *Value { return d.Node.Out(o) }

// Of is the gradient of output o, nil where it does not matter.
func (d *Gradient) Of(o int) *Value {
	if o < len(d.outs) {
		return d.outs[o]
	}
	return nil
}

// Wants reports whether the gradient of input i is asked for.
func (d *Gradient) Wants(i int) bool { return i < len(d.wants) && d.wants[i] }

// Give says what the gradient of input i is. An input without one has the gradient zero.
func (d *Gradient) Give(i int, v *Value) { d.ins[i] = v }

// Given is what Give was given, by input.
func (d *Gradient) Given() []*Value { return d.ins }

// Emit appends a node of one output and returns that.
func (d *Gradient) Emit(op Op, inputs ...*Value) (*Value, error) {
	return first(d.EmitN(op, 1, inputs...))
}

// EmitN appends a node of n outputs and returns them.
func (d *Gradient) EmitN(op Op, n int, inputs ...*Value) ([]*Value, error) {
	base := d.Node.Name + "/" + op.Def().Name
	node, err := d.Node.graph.appendFresh(base, base, op, n, inputs)
	if err != nil {
		return nil, err
	}
	return node.outputs, nil
}

// Const is a constant.
func (d *Gradient) Const(t *tensor.Tensor) *Value {
	return d.Node.graph.freshConst(d.Node.Name+"/const", t)
}

// appendFresh appends a node whose outputs have fresh names made from base.
func (g *Graph) appendFresh(name, base string, op Op, n int, inputs []*Value) (*Node, error) {
	outs := make([]string, n)
	for i := range outs {
		outs[i] = g.FreshName(fmt.Sprintf("%s:%d", base, i))
	}
	if n == 1 {
		outs[0] = g.FreshName(base)
	}
	return g.Append(name, op, inputs, outs)
}

// freshConst adds a constant of a fresh name made from base.
func (g *Graph) freshConst(base string, t *tensor.Tensor) *Value {
	v, err := g.AddConst(g.FreshName(base), t)
	if err != nil { // a fresh name cannot be taken
		panic(err)
	}
	return v
}
