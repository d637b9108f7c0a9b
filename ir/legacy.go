package ir

import (
	"fmt"

	"github.com/onnxrun/onnxrun/tensor"
)

// Legacy is a node as a file of some opset has it, on its way to the newest form. An Upgrade changes Attrs and Inputs
// to that form, or builds other nodes and calls Replace.
type Legacy struct {
	Opset   int // of the node's domain
	Name    string
	Attrs   []Attr
	Inputs  []*Value
	NumOuts int

	graph    *Graph
	replaced []*Value
}

// NewLegacy begins the upgrade of a node that is to be appended to g.
func NewLegacy(g *Graph, opset int, name string, attrs []Attr, inputs []*Value, numOuts int) *Legacy {
	return &Legacy{Opset: opset, Name: name, Attrs: attrs, Inputs: inputs, NumOuts: numOuts, graph: g}
}

// In is input i, nil when absent.
func (l *Legacy) In(i int) *Value {
	if i < len(l.Inputs) {
		return l.Inputs[i]
	}
	return nil
}

// SetIn sets input i, with absent ones before it where the node has fewer.
func (l *Legacy) SetIn(i int, v *Value) {
	for len(l.Inputs) <= i {
		l.Inputs = append(l.Inputs, nil)
	}
	l.Inputs[i] = v
}

// Take removes an attribute and returns its value, nil when absent.
func (l *Legacy) Take(name string) any {
	for i, a := range l.Attrs {
		if a.Name == name {
			l.Attrs = append(l.Attrs[:i:i], l.Attrs[i+1:]...)
			return a.Value
		}
	}
	return nil
}

// Attr is an attribute's value, nil when absent.
func (l *Legacy) Attr(name string) any {
	for _, a := range l.Attrs {
		if a.Name == name {
			return a.Value
		}
	}
	return nil
}

// Set gives an attribute a value.
func (l *Legacy) Set(name string, value any) {
	l.Take(name)
	l.Attrs = append(l.Attrs, Attr{name, value})
}

// TakeInts, TakeInt and TakeFloat remove an attribute of that kind; ok tells whether it was there.
func (l *Legacy) TakeInts(name string) (v []int, ok bool, err error) { return take[[]int](l, name) }
func (l *Legacy) TakeInt(name string) (v int, ok bool, err error)    { return take[int](l, name) }
func (l *Legacy) TakeFloat(name string) (v float32, ok bool, err error) {
	return take[float32](l, name)
}
func (l *Legacy) TakeFloats(name string) (v []float32, ok bool, err error) {
	return take[[]float32](l, name)
}

func take[T any](l *Legacy, name string) (v T, ok bool, err error) {
	value := l.Take(name)
	if value == nil {
		return v, false, nil
	}
	v, ok = value.(T)
	if !ok {
		return v, false, &AttrError{name, fmt.Sprintf("has a value of kind %s, expects %T", attrKind(value), v)}
	}
	return v, true, nil
}

// IntsInput moves an int-list attribute to input i, where the node has it; this is how most operators changed.
func (l *Legacy) IntsInput(attr string, i int) error {
	ints, ok, err := l.TakeInts(attr)
	if err != nil || !ok {
		return err
	}
	l.SetIn(i, l.Ints(ints...))
	return nil
}

// Ints is a constant int64 vector.
func (l *Legacy) Ints(ints ...int) *Value {
	v := make([]int64, len(ints))
	for i, n := range ints {
		v[i] = int64(n)
	}
	return l.Const(tensor.Vector(v...))
}

// Const is a constant.
func (l *Legacy) Const(t *tensor.Tensor) *Value {
	v, err := l.graph.AddConst(l.graph.FreshName(l.Name+"/const"), t)
	if err != nil { // a fresh name cannot be taken
		panic(err)
	}
	return v
}

// Emit appends a node of one output and returns that.
func (l *Legacy) Emit(op Op, inputs ...*Value) (*Value, error) {
	name := l.Name + "/" + op.Def().Name
	n, err := l.graph.Append(name, op, inputs, []string{l.graph.FreshName(name)})
	if err != nil {
		return nil, err
	}
	return n.outputs[0], nil
}

// EmitN appends a node of n outputs and returns them.
func (l *Legacy) EmitN(op Op, n int, inputs ...*Value) ([]*Value, error) {
	name := l.Name + "/" + op.Def().Name
	outs := make([]string, n)
	for i := range outs {
		outs[i] = l.graph.FreshName(fmt.Sprintf("%s:%d", name, i))
	}
	node, err := l.graph.Append(name, op, inputs, outs)
	if err != nil {
		return nil, err
	}
	return node.outputs, nil
}

// Replace says that the values stand for the node's outputs; no node is made for it. nil stands for an absent output.
func (l *Legacy) Replace(outs ...*Value) { l.replaced = outs }

// Replaced is what Replace was given.
func (l *Legacy) Replaced() ([]*Value, bool) { return l.replaced, l.replaced != nil }
