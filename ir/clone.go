package ir

import (
	"iter"
	"maps"
	"reflect"
	"slices"
)

// Clone is a copy that shares nothing with g that can change: constants' tensors and operators are shared, bodies
// copied.
func (g *Graph) Clone() *Graph {
	return g.copy(func(*Value) bool { return true }, func(*Node) bool { return true }, g.outputs)
}

// Extract is a copy of the part of g that computes the outputs, with the graph inputs which that part needs.
func (g *Graph) Extract(outputs ...*Value) *Graph {
	needed := make([]bool, len(g.values))
	work := slices.Clone(outputs)
	for len(work) > 0 {
		v := work[len(work)-1]
		work = work[:len(work)-1]
		if v == nil || needed[v.id] {
			continue
		}
		needed[v.id] = true
		if v.def != nil {
			work = append(append(work, v.def.inputs...), v.def.outputs...)
		}
	}
	wanted := func(v *Value) bool { return v != nil && needed[v.id] }
	return g.copy(wanted, func(n *Node) bool { return slices.ContainsFunc(n.outputs, wanted) }, outputs)
}

// copy copies the values and nodes that are wanted. With a node its inputs and outputs are.
func (g *Graph) copy(wantValue func(*Value) bool, wantNode func(*Node) bool, outputs []*Value) *Graph {
	c := NewGraph(g.Name)
	c.names, c.nodeNames = newNameTable[*Value](g.names.len()), newNameTable[struct{}](g.nodeNames.len())
	c.Doc, c.Opset, c.Metadata, c.Origin, c.backing = g.Doc, g.Opset, slices.Clone(g.Metadata), g.Origin, g.backing
	c.declared = maps.Clone(g.declared)
	values := make([]*Value, len(g.values))
	for _, v := range g.values {
		if v == nil || !wantValue(v) {
			continue
		}
		w := &Value{name: v.name, typ: Type{v.typ.DType, v.typ.Shape.Clone()}, id: len(c.values), konst: v.konst, dims: slices.Clone(v.dims), index: v.index}
		values[v.id] = w
		c.values = append(c.values, w)
		c.names.set(w.name, w)
	}
	mapped := func(vs []*Value) []*Value {
		out := make([]*Value, len(vs))
		for i, v := range vs {
			if v != nil {
				out[i] = values[v.id]
			}
		}
		return out
	}
	for _, n := range g.nodes {
		if !wantNode(n) {
			continue
		}
		m := &Node{Name: n.Name, Doc: n.Doc, Op: copyOp(n.Op), inputs: mapped(n.inputs), outputs: mapped(n.outputs), graph: c}
		for _, v := range m.outputs {
			if v != nil {
				v.def = m
			}
		}
		for i, v := range m.inputs {
			if v != nil {
				v.uses = append(v.uses, Use{m, i})
			}
		}
		c.nodes = append(c.nodes, m)
		c.nodeNames.set(m.Name, struct{}{})
	}
	for _, v := range mapped(g.inputs) {
		if v != nil {
			c.addInput(v)
		}
	}
	c.SetOutputs(mapped(outputs)...)
	return c
}

// Bodies is the graphs among an operator's attributes.
func Bodies(op Op) iter.Seq2[string, *Graph] {
	return func(yield func(string, *Graph) bool) {
		v := reflect.ValueOf(op).Elem()
		for _, f := range attrFields(v.Type()) {
			if g, ok := v.FieldByIndex(f.index).Interface().(*Graph); ok && g != nil && !yield(f.name, g) {
				return
			}
		}
	}
}

// copyOp is op itself, or a copy with copies of its bodies.
func copyOp(op Op) Op {
	for range Bodies(op) {
		v := reflect.New(reflect.TypeOf(op).Elem())
		v.Elem().Set(reflect.ValueOf(op).Elem())
		for _, f := range attrFields(v.Elem().Type()) {
			if g, ok := v.Elem().FieldByIndex(f.index).Interface().(*Graph); ok && g != nil {
				v.Elem().FieldByIndex(f.index).Set(reflect.ValueOf(g.Clone()))
			}
		}
		return v.Interface().(Op)
	}
	return op
}
