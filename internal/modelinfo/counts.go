package modelinfo

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Counts is what a model takes, for one image.
type Counts struct {
	Nodes []NodeCounts
	// Parameters is the learned numbers; running statistics of BatchNormalization are not among them.
	Parameters int64
	MACs       int64 // multiply-accumulates of the nodes whose shapes are known
	Uncounted  int   // multiplying nodes whose shapes are not known
}

// NodeCounts is what a node takes. A parameter that several nodes read counts for the first of them.
type NodeCounts struct {
	Node             *ir.Node // of a copy of the graph, whose symbolic batch is 1
	Parameters, MACs int64
}

// Count counts parameters and multiplications. Symbolic first dimensions of inputs count as a batch of one.
func Count(g *ir.Graph) (*Counts, error) {
	one, err := batchOfOne(g)
	if err != nil {
		return nil, err
	}
	c := &Counts{}
	counted := map[*tensor.Tensor]bool{}
	for _, n := range one.Nodes() {
		row := NodeCounts{Node: n}
		for i, v := range n.Inputs() {
			if v != nil && v.Const() != nil && !counted[v.Const()] && isParameter(n, i, v.Const()) {
				counted[v.Const()] = true
				row.Parameters += int64(v.Const().Len())
			}
		}
		if macs := n.Op.Def().MACs; macs != nil {
			row.MACs = macs(n)
			if _, known := n.Out(0).Type().Shape.Ints(); !known && row.MACs == 0 {
				c.Uncounted++
			}
		}
		c.Parameters += row.Parameters
		c.MACs += row.MACs
		c.Nodes = append(c.Nodes, row)
	}
	return c, nil
}

// batchOfOne is the graph with symbolic first dimensions of its inputs set to 1.
func batchOfOne(g *ir.Graph) (*ir.Graph, error) {
	g = g.Clone()
	for _, v := range g.Inputs() {
		t := v.Type()
		if len(t.Shape) > 1 && !t.Shape[0].IsKnown() {
			t.Shape = t.Shape.Clone()
			t.Shape[0] = ir.Known(1)
			if err := g.SetInputType(v, t); err != nil {
				return nil, err
			}
		}
	}
	return g, g.InferAll()
}

// isParameter reports whether constant t, input i of n, is learned.
func isParameter(n *ir.Node, i int, t *tensor.Tensor) bool {
	ins := n.Op.Def().Ins
	if len(ins) == 0 || t.Rank() == 0 {
		return false
	}
	switch ins[min(i, len(ins)-1)].Learned {
	case ir.Always:
		return true
	case ir.Never:
		return false
	}
	return Floating(t.DType())
}
