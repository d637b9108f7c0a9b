package ir

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/tensor"
)

// Legacy is a node in the form of some opset, on its way to the newest form or back. An Upgrade changes Attrs and
// Inputs to the newest form, or builds other nodes and calls Replace. A Downgrade changes them to the form of Opset, or
// builds other nodes, which are in the newest form and are downgraded in turn.
type Legacy struct {
	Opset   int // of the node's domain
	Name    string
	Type    string // the operator's name in the file
	Attrs   []Attr
	Inputs  []*Value
	NumOuts int
	Node    *Node // what a Downgrade began with

	graph    *Graph
	emitted  []*Node
	replaced []*Value
}

// NewLegacy begins the upgrade of a node that is to be appended to g.
func NewLegacy(g *Graph, opset int, name string, attrs []Attr, inputs []*Value, numOuts int) *Legacy {
	return &Legacy{Opset: opset, Name: name, Attrs: attrs, Inputs: inputs, NumOuts: numOuts, graph: g}
}

// NewDowngrade begins the downgrade of n, to whose graph other nodes are appended.
func NewDowngrade(n *Node, opset int) *Legacy {
	return &Legacy{
		Opset: opset, Name: n.Name, Type: n.Op.Def().Name, Attrs: EncodeAttrs(n.Op, false), Inputs: slices.Clone(n.inputs),
		NumOuts: len(n.outputs), Node: n, graph: n.graph,
	}
}

// Emitted is the nodes that have been built, in order.
func (l *Legacy) Emitted() []*Node { return l.emitted }

// Needs is the error that Opset lacks something.
func (l *Legacy) Needs(opset int, what string) error { return &OpsetError{what, l.Opset, opset} }

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

// IntsAttr is the inverse of IntsInput: it moves input i, if present, to an int-list attribute. What is not constant needs
// the opset that made it an input.
func (l *Legacy) IntsAttr(attr string, i, since int) error {
	v := l.In(i)
	if v == nil {
		return nil
	}
	if v.konst == nil {
		return l.Needs(since, fmt.Sprintf("input %d (%s), which is computed,", i, attr))
	}
	ints, _ := v.konst.AsInts()
	l.Set(attr, append([]int{}, ints...))
	l.Inputs[i] = nil
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
func (l *Legacy) Const(t *tensor.Tensor) *Value { return l.graph.freshConst(l.Name+"/const", t) }

// Emit appends a node of one output and returns that.
func (l *Legacy) Emit(op Op, inputs ...*Value) (*Value, error) {
	return first(l.EmitN(op, 1, inputs...))
}

// EmitMain is Emit under the name of the node itself, which the new one mainly stands for.
func (l *Legacy) EmitMain(op Op, inputs ...*Value) (*Value, error) {
	v, err := first(l.emit(l.Name, op, 1, inputs))
	if err == nil && l.Node != nil {
		v.def.Name, v.def.Doc = l.Name, l.Node.Doc // as that of a node that will not be written
	}
	return v, err
}

func first(values []*Value, err error) (*Value, error) {
	if err != nil {
		return nil, err
	}
	return values[0], nil
}

// EmitN appends a node of n outputs and returns them.
func (l *Legacy) EmitN(op Op, n int, inputs ...*Value) ([]*Value, error) {
	return l.emit(l.Name+"/"+op.Def().Name, op, n, inputs)
}

func (l *Legacy) emit(name string, op Op, n int, inputs []*Value) ([]*Value, error) {
	node, err := l.graph.appendFresh(name, l.Name+"/"+op.Def().Name, op, n, inputs)
	if err != nil {
		return nil, err
	}
	l.emitted = append(l.emitted, node)
	return node.outputs, nil
}

// Replace says that the values stand for the node's outputs; no node is made for it. nil stands for an absent output.
func (l *Legacy) Replace(outs ...*Value) { l.replaced = outs }

// Replaced is what Replace was given.
func (l *Legacy) Replaced() ([]*Value, bool) { return l.replaced, l.replaced != nil }
