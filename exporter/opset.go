package exporter

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// irVersion is the file format's version that was current when an opset came (ONNX, docs/Versioning.md).
func irVersion(opset int) int64 {
	switch {
	case opset <= 8:
		return 3
	case opset <= 9:
		return 4
	case opset <= 10:
		return 5
	case opset <= 11:
		return 6
	case opset <= 14:
		return 7
	case opset <= 18:
		return 8
	case opset <= 20:
		return 9
	case opset <= 22:
		return 10
	case opset == 23:
		return 11
	case opset == 24:
		return 12
	}
	return 13
}

// newTypes is the opset in which ONNX began to use an element type, for types that came late. Most operators took a new
// type the next time that they were changed, in that opset or later; the others took it in their newest form.
var newTypes = map[tensor.DType]int{
	tensor.BFloat16:     13,
	tensor.Float8E4M3FN: 19, tensor.Float8E4M3FNUZ: 19, tensor.Float8E5M2: 19, tensor.Float8E5M2FNUZ: 19,
	tensor.Int4: 21, tensor.Uint4: 21, tensor.Float4E2M1: 23, tensor.Float8E8M0: 24, tensor.Uint2: 25, tensor.Int2: 25,
}

// lastBFloat16 is the opset from which on all operators of floating point take bfloat16.
const lastBFloat16 = 22

// lacking is an *ir.OpsetError if the opset does not have n's operator, an attribute or an element type.
func lacking(n *ir.Node, l *ir.Legacy) error {
	def := n.Op.Def()
	if l.Type == def.Name && l.Opset < def.Since[0] {
		return l.Needs(def.Since[0], "the operator")
	}
	for _, a := range l.Attrs {
		if since := ir.AttrSince(n.Op, a.Name); since > l.Opset {
			return l.Needs(since, fmt.Sprintf("attribute %q", a.Name))
		}
	}
	for i, v := range n.Inputs() {
		if err := lackingType(def, l, ir.ParamAt(def.Ins, i), v); err != nil {
			return err
		}
	}
	for i, v := range n.Outputs() {
		if err := lackingType(def, l, ir.ParamAt(def.Outs, i), v); err != nil {
			return err
		}
	}
	return nil
}

func lackingType(def *ir.Def, l *ir.Legacy, p ir.Param, v *ir.Value) error {
	if v == nil {
		return nil
	}
	dt, since := v.Type().DType, 0
	for _, w := range def.Widened {
		if w.Var == p.Type && w.Types.Has(dt) {
			since = w.Opset
		}
	}
	if at := newTypes[dt]; at > since {
		since = at
		if dt == tensor.BFloat16 {
			since = lastBFloat16
		}
		for _, s := range def.Since {
			if s >= at {
				since = s
				break
			}
		}
	}
	if since > l.Opset {
		return l.Needs(since, fmt.Sprintf("element type %s", dt))
	}
	return nil
}
