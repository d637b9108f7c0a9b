package train

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/internal/modelinfo"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// Parameters is the constants of g that layers learn, in the order in which nodes use them: filters, matrices and biases;
// scales and shifts of normalizations; slopes; and what is added or multiplied, of more than one element, downstream of a layer, or
// concatenated with what is computed (positions, class tokens). The statistics of BatchNormalization are none, nor are masks:
// zeros and one other number. Constants that are computed must have been folded (pass fold).
func Parameters(g *ir.Graph) []*ir.Value {
	var found []*ir.Value
	downstream := make([]bool, g.NumValues()) // of a layer
	for _, n := range g.Nodes() {
		after := slices.ContainsFunc(n.Inputs(), func(v *ir.Value) bool { return v != nil && downstream[v.ID()] })
		for i, v := range n.Inputs() {
			if v == nil || v.Const() == nil || !modelinfo.IsFloating(v) || !learns(n, i, after) {
				continue
			}
			if !slices.Contains(found, v) {
				found = append(found, v)
			}
		}
		for _, v := range n.Outputs() {
			if v != nil {
				downstream[v.ID()] = after || isLayer(n)
			}
		}
	}
	return found
}

// isLayer reports whether n mixes its inputs by weights.
func isLayer(n *ir.Node) bool {
	switch n.Op.(type) {
	case *ops.Conv, *ops.ConvTranspose, *ops.Gemm, *ops.MatMul:
		return true
	}
	return false
}

// learns reports whether a constant that is input i of n is a parameter.
func learns(n *ir.Node, i int, after bool) bool {
	switch n.Op.(type) {
	case *ops.Conv, *ops.ConvTranspose, *ops.Gemm, *ops.MatMul:
		return true
	case *ops.BatchNormalization, *ops.LayerNormalization, *ops.InstanceNormalization, *ops.GroupNormalization:
		return i == 1 || i == 2
	case *ops.PRelu:
		return i == 1
	case *ops.Add, *ops.Sub, *ops.Mul, *ops.Div:
		return after && n.In(i).Const().Len() > 1 && !isMask(n.In(i).Const())
	case *ops.Concat, *ops.Expand:
		return n.In(i).Const().Len() > 1
	}
	return false
}

// isMask reports whether t has zeros and one other number, as what is added to hide positions does.
func isMask(t *tensor.Tensor) bool {
	data, ok := t.AsFloat32()
	zeros, other := false, float32(0)
	for _, v := range data {
		switch {
		case v == 0:
			zeros = true
		case other == 0:
			other = v
		case v != other:
			return false
		}
	}
	return ok && zeros && other != 0
}

// Free makes graph inputs of constants of g, after the other inputs and in that order, and returns what they held.
func Free(g *ir.Graph, constants ...*ir.Value) ([]*tensor.Tensor, error) {
	rw := ir.NewRewriter(g)
	held := make([]*tensor.Tensor, len(constants))
	for i, v := range constants {
		if v == nil {
			return nil, fmt.Errorf("train: constant %d is nil", i)
		}
		var err error
		if held[i], err = rw.Free(v); err != nil {
			return nil, fmt.Errorf("train: %w", err)
		}
	}
	if err := rw.Done(); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	return held, nil
}
