package ops

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// pointwise is the Def of an operator that takes each element of a floating-point tensor through a function, which f
// gives for the operator's attributes. It is computed in double precision.
func pointwise[T any, P interface {
	*T
	ir.Op
	sloped
}](name string, family ir.Family, doc string, since []int, f func(P) func(float64) float64) *ir.Def {
	return &ir.Def{
		Name: name, Family: family, Doc: doc + ", elementwise", Since: since,
		New:     func() ir.Op { return P(ir.New[T]()) },
		Ins:     []ir.Param{{Name: "X", Type: "T"}},
		Outs:    []ir.Param{{Name: "Y", Type: "T"}},
		Types:   map[string]ir.TypeSet{"T": floatTypes},
		Upgrade: dropConsumedInputs,
		Infer:   sameShape,
		Eval: viaFloat32(func(c *ir.EvalCtx) error {
			return number{float: f(c.Op.(P))}.eval(c)
		}),
		Grad: backward(gradPointwise),
	}
}

// number is a function of one number, given for the kinds of element types that it takes. Elements are widened for it
// and its results truncated, which wraps integers as their own width would.
type number struct {
	float    func(float64) float64
	signed   func(int64) int64
	unsigned func(uint64) uint64
}

// eval computes output 0 from input 0, of any element type but the halves.
func (f number) eval(c *ir.EvalCtx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return mapWide[float32](c, f.float)
	case tensor.Float64:
		return mapWide[float64](c, f.float)
	case tensor.Int8:
		return mapWide[int8](c, f.signed)
	case tensor.Int16:
		return mapWide[int16](c, f.signed)
	case tensor.Int32:
		return mapWide[int32](c, f.signed)
	case tensor.Int64:
		return mapWide[int64](c, f.signed)
	case tensor.Uint8:
		return mapWide[uint8](c, f.unsigned)
	case tensor.Uint16:
		return mapWide[uint16](c, f.unsigned)
	case tensor.Uint32:
		return mapWide[uint32](c, f.unsigned)
	default:
		return mapWide[uint64](c, f.unsigned)
	}
}

func mapWide[T, W tensor.Real](c *ir.EvalCtx, f func(W) W) error {
	return mapElements(c, func(x T) T { return T(f(W(x))) })
}
