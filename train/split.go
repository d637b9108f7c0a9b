package train

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/internal/mapped"
	"github.com/onnxrun/onnxrun/ir"
)

// SplitAt parts g at a value: front computes it from the graph's inputs, back the graph's outputs from it; both are copies
// and call it by its name. The outputs must read nothing else of what is in front: of several such values the error names
// the first. Join puts the two together.
func SplitAt(g *ir.Graph, at *ir.Value) (front, back *ir.Graph, err error) {
	switch {
	case at == nil || g.Value(at.Name()) != at:
		return nil, nil, fmt.Errorf("train: where to part graph %q is not a value of it", g.Name)
	case at.Def() == nil:
		return nil, nil, fmt.Errorf("train: value %q: no node computes it, there is nothing in front of it", at.Name())
	case at.IsOutput():
		return nil, nil, fmt.Errorf("train: value %q: is an output of the graph, there is nothing behind it", at.Name())
	}
	cut := g.Clone()
	rw, old := ir.NewRewriter(cut), cut.Value(at.Name())
	in, err := cut.AddInput(cut.FreshName(at.Name()), at.Type())
	if err == nil {
		err = rw.Replace(old, in)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("train: %w", err)
	}
	rw.Prune()
	if err := rw.Done(); err != nil {
		return nil, nil, fmt.Errorf("train: %w", err)
	}
	back = cut.Extract(cut.Outputs()...)
	if other := slices.IndexFunc(back.Inputs(), func(v *ir.Value) bool { return v.Name() != in.Name() }); other >= 0 {
		return nil, nil, fmt.Errorf("train: value %q: the graph cannot be parted there: what is behind it reads %s as well", at.Name(), g.Value(back.Inputs()[other].Name()))
	}
	if len(back.Inputs()) == 0 {
		return nil, nil, fmt.Errorf("train: value %q: no output of the graph depends on it", at.Name())
	}
	if err := back.Rename(back.Inputs()[0], at.Name()); err != nil {
		return nil, nil, fmt.Errorf("train: %w", err)
	}
	return g.Extract(at), back, nil
}

// Join is front with back downstream of it: the inputs of back are values of front, by name, as SplitAt has them. Names, of
// constants as well, end in a fresh number where front has them for something else. The metadata are those of both, where
// they differ those of back.
func Join(front, back *ir.Graph) (*ir.Graph, error) {
	g, tail := front.Clone(), back.Clone()
	if files := slices.Concat(mapped.Of(front.Backing()), mapped.Of(back.Backing())); len(files) > 0 {
		g.KeepAlive(files)
	}
	g.SetOutputs()
	have := map[*ir.Value]*ir.Value{}
	for _, v := range tail.Inputs() {
		w := g.Value(v.Name())
		if w == nil || !v.Type().Accepts(w.Type()) {
			return nil, fmt.Errorf("train: value %q: the front has no such value of type %v to join the back to", v.Name(), v.Type())
		}
		have[v] = w
	}
	for _, v := range tail.Outputs() { // outputs keep their names
		if w := g.Value(v.Name()); w != nil && have[v] == nil {
			if err := g.Rename(w, g.FreshName(v.Name())); err != nil {
				return nil, fmt.Errorf("train: %w", err)
			}
		}
	}
	for _, v := range tail.Values() {
		if v.Const() == nil {
			continue
		}
		if w := g.Value(v.Name()); w != nil && w.Const() == v.Const() {
			have[v] = w
			continue
		}
		w, err := g.AddConst(g.FreshName(v.Name()), v.Const())
		if err != nil {
			return nil, fmt.Errorf("train: %w", err)
		}
		have[v] = w
	}
	for _, n := range tail.Nodes() {
		if err := appendCopy(g, n, have); err != nil {
			return nil, fmt.Errorf("train: %w", err)
		}
	}
	outputs := make([]*ir.Value, len(tail.Outputs()))
	for i, v := range tail.Outputs() {
		outputs[i] = have[v]
		g.Declare(have[v].Name(), tail.OutputType(v))
	}
	g.SetOutputs(outputs...)
	for _, kv := range tail.Metadata {
		g.SetMeta(kv.Key, kv.Value)
	}
	return g, nil
}

// appendCopy appends to g a node like n, whose inputs are what have says, and adds its outputs there.
func appendCopy(g *ir.Graph, n *ir.Node, have map[*ir.Value]*ir.Value) error {
	inputs, outputs := make([]*ir.Value, len(n.Inputs())), make([]string, len(n.Outputs()))
	for i, v := range n.Inputs() {
		if v != nil {
			inputs[i] = have[v]
		}
	}
	for i, v := range n.Outputs() {
		if v != nil {
			outputs[i] = g.FreshName(v.Name())
		}
	}
	m, err := g.Append(n.Name, n.Op, inputs, outputs)
	if err != nil {
		return err
	}
	m.Doc = n.Doc
	for i, v := range n.Outputs() {
		if v != nil {
			have[v] = m.Out(i)
		}
	}
	return nil
}
