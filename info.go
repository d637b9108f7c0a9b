package onnxrun

import (
	"github.com/onnxrun/onnxrun/internal/modelinfo"
	"github.com/onnxrun/onnxrun/ir"
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
	counts, err := modelinfo.Count(g)
	if err != nil {
		return nil, err
	}
	info.Parameters, info.MACs, info.Uncounted = counts.Parameters, counts.MACs, counts.Uncounted
	for _, c := range counts.Nodes {
		row := NodeInfo{Name: c.Node.Name, Op: c.Node.OpName(), Parameters: c.Parameters, MACs: c.MACs}
		for _, v := range c.Node.Outputs() {
			if v != nil {
				row.Outputs = append(row.Outputs, v.Name())
			}
		}
		if v := c.Node.Out(0); v != nil {
			row.Shape = shapeStrings(v.Type().Shape)
		}
		info.Nodes = append(info.Nodes, row)
	}
	return info, nil
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
