package ir

import (
	"github.com/onnxrun/onnxrun/internal/plain"
	"github.com/onnxrun/onnxrun/tensor"
)

// Value is one tensor that a graph computes, takes or holds.
type Value struct {
	name  string
	typ   Type
	id    int
	konst *tensor.Tensor
	dims  []Dim
	def   *Node
	index int
	uses  []Use
	input bool // of the graph
	outs  int  // how many of the graph's outputs it is
}

// Use is a place where a value is an input.
type Use struct {
	Node  *Node
	Index int
}

// Name is unique in the graph.
func (v *Value) Name() string { return v.name }

// Type is the inferred type. An absent value, nil, has the zero Type, of which nothing is known; it has no constant, no
// known elements and no node.
func (v *Value) Type() Type {
	if v == nil {
		return Type{}
	}
	return v.typ
}

// ID is dense: from 0 up to the graph's NumValues.
func (v *Value) ID() int { return v.id }

// Const is the tensor that a constant holds, else nil.
func (v *Value) Const() *tensor.Tensor {
	if v == nil {
		return nil
	}
	return v.konst
}

// Dims is the elements of an integer value of at most one dimension, as far as they are known: a constant's numbers, or
// what Shape and the arithmetic on its result give. nil when unknown.
func (v *Value) Dims() []Dim {
	if v == nil {
		return nil
	}
	return v.dims
}

// Def is the node that computes the value; nil for graph inputs and constants.
func (v *Value) Def() *Node {
	if v == nil {
		return nil
	}
	return v.def
}

// DefIndex is the number of the output of Def that the value is.
func (v *Value) DefIndex() int { return v.index }

// Uses is the inputs that the value feeds; being a graph output is not among them.
func (v *Value) Uses() []Use { return v.uses }

// IsInput and IsOutput report whether the graph takes or returns the value.
func (v *Value) IsInput() bool  { return v.input }
func (v *Value) IsOutput() bool { return v.outs > 0 }

func (v *Value) String() string {
	if v == nil {
		return "_"
	}
	return "%" + plain.Text(v.name, plain.Name) + ": " + v.typ.String()
}
