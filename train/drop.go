package train

import (
	"errors"
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
)

// Drop removes nodes, named by their own names or by those of values which they compute: what read such a node reads its
// input instead, of several the first whose type is that of its output, else the first. Where the shapes differ, the nodes
// downstream are made to fit: layers get fresh weights, which follow from seed and their names, depthwise convolutions another
// number of channels, normalizations and biases vectors of another length, Reshapes other sizes. It returns the names of the
// nodes that have new parameters and so have to be taught. After an error, such as one of what cannot be made to fit, g is of
// no further use; a name that there is not is an *UnknownError.
func Drop(g *ir.Graph, nodes []string, seed uint64) ([]string, error) {
	a := newAdapter(g, seed)
	var dropped []*ir.Node
	for _, name := range nodes {
		n, err := nodeNamed(g, name)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(dropped, n) {
			dropped = append(dropped, n)
		}
	}
	for _, n := range dropped {
		if err := a.bypass(n); err != nil {
			return nil, fmt.Errorf("train: %w", &ir.Error{Node: n.Name, Op: n.OpName(), Err: fmt.Errorf("cannot be dropped: %w", err)})
		}
	}
	if err := a.finish(); err != nil {
		return nil, fmt.Errorf("%w; drop all of a branch, or other layers", err)
	}
	return a.fresh, nil
}

// bypass lets what reads n read its input instead.
func (a *adapter) bypass(n *ir.Node) error {
	out := n.Out(0)
	for i, v := range n.Outputs() {
		if i > 0 && v != nil && (len(v.Uses()) > 0 || v.IsOutput()) {
			return fmt.Errorf("its output %q is read as well", v.Name())
		}
	}
	var from *ir.Value
	for _, v := range n.Inputs() {
		if v == nil || v.Const() != nil || v.Type().DType != out.Type().DType {
			continue
		}
		if fits := out.Type().Accepts(v.Type()); from == nil || fits && !out.Type().Accepts(from.Type()) {
			from = v
		}
	}
	if from == nil {
		return errors.New("it has no input that could stand in for its output")
	}
	if !slices.Equal(from.Type().Shape, out.Type().Shape) {
		a.changes(out, out.Type())
	}
	return a.rw.Replace(out, from)
}
