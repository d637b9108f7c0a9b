package exporter

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Opset is the operator set that files are written in: the newest in which every operator has the form that graphs hold
// and that runtimes in use know. Files whose nodes need a newer one are written in that.
const Opset = 21

// irVersion is the file format's version that came with an opset (ONNX, docs/Versioning.md).
func irVersion(opset int) int64 {
	switch {
	case opset <= 22:
		return 10
	case opset == 23:
		return 11
	case opset == 24:
		return 12
	}
	return 13
}

// newTypes is the opsets in which element types that came late were taken in by the operators at large.
var newTypes = map[tensor.DType]int{
	tensor.BFloat16: 22, tensor.Float4E2M1: 23, tensor.Float8E8M0: 24, tensor.Uint2: 25, tensor.Int2: 25,
}

// newAttrs is the opsets of attributes that came after Opset.
var newAttrs = map[[2]string]int{
	{"QuantizeLinear", "precision"}: 23,
	{"Cast", "round_mode"}:          24,
	{"CastLike", "round_mode"}:      24,
}

// needs is the oldest opset, from Opset on, in which n has the meaning that it has in a graph.
func needs(n *ir.Node) int {
	def := n.Op.Def()
	opset := def.Since[0]
	for _, list := range [][]*ir.Value{n.Inputs(), n.Outputs()} {
		for _, v := range list {
			if v != nil {
				opset = max(opset, newTypes[v.Type().DType])
			}
		}
	}
	for _, a := range ir.EncodeAttrs(n.Op, false) {
		opset = max(opset, newAttrs[[2]string{def.Name, a.Name}])
	}
	return opset
}
