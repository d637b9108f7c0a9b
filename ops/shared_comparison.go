package ops

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// comparison is a predicate of two elements, given for the kinds of element types that it takes. Numbers are widened
// for it.
type comparison struct {
	float    func(a, b float64) bool
	signed   func(a, b int64) bool
	unsigned func(a, b uint64) bool
	boolean  func(a, b bool) bool
	text     func(a, b string) bool
}

// predicate is the Def of a comparison of two broadcast tensors of one element type.
func predicate[T any, P interface {
	*T
	ir.Op
}](name, doc string, types ir.TypeSet, since []int, f comparison) *ir.Def {
	d := binary[T, P](name, doc, types, since, inferBroadcast, f.eval)
	d.Outs = []ir.Param{{Name: "C", Type: "bool"}}
	return d
}

// eval computes output 0 from inputs 0 and 1, of any element type but the halves.
func (f comparison) eval(c *ir.EvalCtx) error {
	out, err := broadcastOutput(c, tensor.Bool)
	if err != nil {
		return err
	}
	a, b := c.In[0], c.In[1]
	switch a.DType() {
	case tensor.Float32:
		combine(c, out, a, b, compared[float32](f.float))
	case tensor.Float64:
		combine(c, out, a, b, compared[float64](f.float))
	case tensor.Int8:
		combine(c, out, a, b, compared[int8](f.signed))
	case tensor.Int16:
		combine(c, out, a, b, compared[int16](f.signed))
	case tensor.Int32:
		combine(c, out, a, b, compared[int32](f.signed))
	case tensor.Int64:
		combine(c, out, a, b, compared[int64](f.signed))
	case tensor.Uint8:
		combine(c, out, a, b, compared[uint8](f.unsigned))
	case tensor.Uint16:
		combine(c, out, a, b, compared[uint16](f.unsigned))
	case tensor.Uint32:
		combine(c, out, a, b, compared[uint32](f.unsigned))
	case tensor.Uint64:
		combine(c, out, a, b, compared[uint64](f.unsigned))
	case tensor.Bool:
		combine(c, out, a, b, eachPair(f.boolean))
	default:
		combine(c, out, a, b, eachPair(f.text))
	}
	return nil
}

func compared[T, W tensor.Real](f func(a, b W) bool) func(dst []bool, a, b []T) {
	return eachPair(func(a, b T) bool { return f(W(a), W(b)) })
}
