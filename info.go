package onnxrun

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Info is what there is to say of a model without running it.
type Info struct {
	Name       string            `json:"name"`
	Opset      int               `json:"opset"`
	Inputs     []ValueInfo       `json:"inputs"`
	Outputs    []ValueInfo       `json:"outputs"`
	Parameters int64             `json:"parameters"`                     // learned numbers; running statistics of BatchNormalization are not among them
	MACs       int64             `json:"macs"`                           // multiply-accumulates for one image, of the nodes whose shapes are known
	Uncounted  int               `json:"macs_uncounted_nodes,omitempty"` // multiplying nodes whose shapes are not known
	Nodes      []NodeInfo        `json:"nodes"`
	Metadata   map[string]string `json:"metadata,omitempty"`
}

// ValueInfo is the name and type of an input or output.
type ValueInfo struct {
	Name  string   `json:"name"`
	Type  string   `json:"type"`
	Shape []string `json:"shape"` // numbers or symbols; null where not even the rank is known
}

// NodeInfo is one row of the table of nodes.
type NodeInfo struct {
	Name       string   `json:"name"`
	Op         string   `json:"op"`
	Outputs    []string `json:"outputs"`
	Shape      []string `json:"shape"` // of the first output, for one image
	Parameters int64    `json:"parameters"`
	MACs       int64    `json:"macs"`
}

// Inspect describes a graph. Symbolic first dimensions count as a batch of one.
func Inspect(g *ir.Graph) (*Info, error) {
	info := &Info{Name: g.Name, Opset: g.Opset, Metadata: map[string]string{}}
	for _, v := range g.Inputs() {
		info.Inputs = append(info.Inputs, valueInfo(v))
	}
	for _, v := range g.Outputs() {
		info.Outputs = append(info.Outputs, valueInfo(v))
	}
	for _, kv := range g.Metadata {
		info.Metadata[kv.Key] = kv.Value
	}
	one, err := batchOfOne(g)
	if err != nil {
		return nil, err
	}
	counted := map[*tensor.Tensor]bool{}
	for _, n := range one.Nodes() {
		row := NodeInfo{Name: n.Name, Op: n.OpName()}
		for _, v := range n.Outputs() {
			if v != nil {
				row.Outputs = append(row.Outputs, v.Name())
			}
		}
		if v := n.Out(0); v != nil {
			row.Shape = shapeStrings(v.Type().Shape)
		}
		for i, v := range n.Inputs() {
			if v != nil && v.Const() != nil && !counted[v.Const()] && isParameter(n, i, v.Const()) {
				counted[v.Const()] = true
				row.Parameters += int64(v.Const().Len())
			}
		}
		if macs := n.Op.Def().MACs; macs != nil {
			row.MACs = macs(n)
			if _, known := n.Out(0).Type().Shape.Ints(); !known && row.MACs == 0 {
				info.Uncounted++
			}
		}
		info.Parameters += row.Parameters
		info.MACs += row.MACs
		info.Nodes = append(info.Nodes, row)
	}
	return info, nil
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

// isParameter reports whether constant t, input i of n, is learned: floating-point tensors that are not mere settings
// (bounds, scales of a resize) nor running statistics, and quantized weights.
func isParameter(n *ir.Node, i int, t *tensor.Tensor) bool {
	switch n.Op.Def().Name {
	case "BatchNormalization":
		return i == 1 || i == 2
	case "Resize", "Clip", "Pad", "OneHot", "RoiAlign", "NonMaxSuppression", "Range", "QuantizeLinear":
		return false
	case "DequantizeLinear":
		return i == 0 && t.Rank() > 0
	case "QLinearConv", "QLinearMatMul":
		return i == 3 || i == 8
	case "ConvInteger", "MatMulInteger":
		return i == 1
	}
	switch t.DType() {
	case tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16:
		return t.Rank() > 0
	}
	return false
}

func valueInfo(v *ir.Value) ValueInfo {
	return ValueInfo{v.Name(), v.Type().DType.String(), shapeStrings(v.Type().Shape)}
}

func shapeStrings(s ir.Shape) []string {
	if s == nil {
		return nil
	}
	out := make([]string, len(s))
	for i, d := range s {
		out[i] = d.String()
	}
	return out
}
