package ops

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Cast converts elements to the type To. Floats are truncated to integers, integers wrap, what is not 0 is true.
// Saturate and RoundMode matter for float8 only (see tensor.ToF8E4M3FN, tensor.ToF8E8M0).
type Cast struct {
	To        tensor.DType `attr:"to,required"`
	Saturate  bool         `attr:"saturate,default=1,since=19"`
	RoundMode string       `attr:"round_mode,default=up,oneof=up|down|nearest,since=24"`
}

func (*Cast) Def() *ir.Def { return castOp }

var castOp = &ir.Def{
	Name: "Cast", Family: ir.Shaping, Doc: "conversion to another element type", Since: []int{1, 6, 9, 13, 19, 21, 23, 24},
	New:     func() ir.Op { return ir.New[Cast]() },
	Ins:     []ir.Param{{Name: "input", Type: "T1"}},
	Outs:    []ir.Param{{Name: "output", Type: "T2"}},
	Types:   map[string]ir.TypeSet{"T1": castTypes, "T2": castTypes},
	Upgrade: upgradeCast,
	Downgrade: func(l *ir.Legacy) error {
		takeFloat8Attrs(l, l.Node.Op.(*Cast).To)
		return nil
	},
	Widened: []ir.Widening{{Opset: 9, Var: "T1", Types: ir.TypesOf(tensor.String)}, {Opset: 9, Var: "T2", Types: ir.TypesOf(tensor.String)}},
	Infer: func(c *ir.InferCtx) error {
		to := c.Node.Op.(*Cast).To
		if !castTypes.Has(to) {
			return ir.Unsupported("to", to)
		}
		inferCast(c, to)
		return nil
	},
	Eval: func(c *ir.EvalCtx) error {
		a := c.Op.(*Cast)
		return evalCast(c, a.To, a.Saturate, a.RoundMode)
	},
	Grad: backward(gradCast),
}

var castTypes = anyType &^ complexTypes

// Before opset 6 the type was given by its name.
func upgradeCast(l *ir.Legacy) error {
	name, ok := l.Attr("to").(string)
	if !ok || l.Opset >= 6 {
		return nil
	}
	names := []string{"FLOAT", "UINT8", "INT8", "UINT16", "INT16", "INT32", "INT64", "STRING", "BOOL", "FLOAT16", "DOUBLE", "UINT32", "UINT64"}
	i := slices.Index(names, name)
	if i < 0 {
		return ir.Unsupported("to", name)
	}
	l.Set("to", i+1)
	return nil
}

func inferCast(c *ir.InferCtx, to tensor.DType) {
	c.SetDType(0, to)
	c.SetShape(0, c.Shape(0))
	if indexTypes.Has(to) && indexTypes.Has(c.DType(0)) {
		c.SetDims(0, combineDims(to, c.Dims(0), ir.Dims(1), func(d, _ ir.Dim) ir.Dim { return d }))
	}
}

func evalCast(c *ir.EvalCtx, to tensor.DType, saturate bool, roundMode string) error {
	in := c.In[0]
	if in.DType() == to {
		c.SetOutput(0, in)
		return nil
	}
	out, err := c.Output(0, to, in.Shape()...)
	if err != nil {
		return err
	}
	c.Spend(in.Len())
	modes := []string{"up", "down", "nearest"}
	return converter{saturate, tensor.Rounding(max(slices.Index(modes, roundMode), 0))}.convert(out, in)
}

// converter converts elements; its fields are for the float8 types.
type converter struct {
	saturate bool
	mode     tensor.Rounding
}

// convert sets out, of any element type but the complex ones, from in.
func (v converter) convert(out, in *tensor.Tensor) error {
	switch in.DType() {
	case tensor.Float64:
		return convertFrom(v, out, tensor.Data[float64](in))
	case tensor.Int8, tensor.Int4, tensor.Int2:
		return convertFrom(v, out, dataAs[int8](in))
	case tensor.Int16:
		return convertFrom(v, out, tensor.Data[int16](in))
	case tensor.Int32:
		return convertFrom(v, out, tensor.Data[int32](in))
	case tensor.Int64:
		return convertFrom(v, out, tensor.Data[int64](in))
	case tensor.Uint8, tensor.Uint4, tensor.Uint2, tensor.Bool:
		return convertFrom(v, out, dataAs[uint8](in))
	case tensor.Uint16:
		return convertFrom(v, out, tensor.Data[uint16](in))
	case tensor.Uint32:
		return convertFrom(v, out, tensor.Data[uint32](in))
	case tensor.Uint64:
		return convertFrom(v, out, tensor.Data[uint64](in))
	case tensor.String:
		return v.parse(out, tensor.Data[string](in))
	}
	data, ok := in.AsFloat32()
	if !ok {
		return fmt.Errorf("element type %s cannot be cast", in.DType())
	}
	return convertFrom(v, out, data)
}

// dataAs is the elements of a tensor as a type of the same size.
func dataAs[T tensor.Elem](t *tensor.Tensor) []T {
	view, err := tensor.FromBytes(tensor.TypeOf[T](), t.Bytes(), t.Len())
	if err != nil { // the sizes differ
		panic(err)
	}
	return tensor.Data[T](view)
}

func convertFrom[S tensor.Real](v converter, out *tensor.Tensor, src []S) error {
	switch out.DType() {
	case tensor.Float32:
		convertReal(tensor.Data[float32](out), src)
	case tensor.Float64:
		convertReal(tensor.Data[float64](out), src)
	case tensor.Int8:
		convertReal(tensor.Data[int8](out), src)
	case tensor.Int16:
		convertReal(tensor.Data[int16](out), src)
	case tensor.Int32:
		convertReal(tensor.Data[int32](out), src)
	case tensor.Int64:
		convertReal(tensor.Data[int64](out), src)
	case tensor.Uint8:
		convertReal(tensor.Data[uint8](out), src)
	case tensor.Uint16:
		convertReal(tensor.Data[uint16](out), src)
	case tensor.Uint32:
		convertReal(tensor.Data[uint32](out), src)
	case tensor.Uint64:
		convertReal(tensor.Data[uint64](out), src)
	case tensor.Bool:
		convertEach(tensor.Data[bool](out), src, func(x S) bool { return x != 0 })
	case tensor.String:
		convertEach(tensor.Data[string](out), src, formatNumber[S])
	default:
		return convertShort(v, out, src)
	}
	return nil
}

func convertReal[D, S tensor.Real](dst []D, src []S) {
	for i, x := range src {
		dst[i] = D(x)
	}
}

func convertEach[D, S any](dst []D, src []S, f func(S) D) {
	for i, x := range src {
		dst[i] = f(x)
	}
}

// convertShort converts to the types that Go lacks.
func convertShort[S tensor.Real](v converter, out *tensor.Tensor, src []S) error {
	switch out.DType() {
	case tensor.Float16:
		convertEach(tensor.Data[tensor.F16](out), src, func(x S) tensor.F16 { return tensor.ToF16(float32(x)) })
	case tensor.BFloat16:
		convertEach(tensor.Data[tensor.BF16](out), src, func(x S) tensor.BF16 { return tensor.ToBF16(float32(x)) })
	case tensor.Float8E4M3FN:
		convertEach(tensor.Data[tensor.F8E4M3FN](out), src, func(x S) tensor.F8E4M3FN { return tensor.ToF8E4M3FN(float32(x), v.saturate) })
	case tensor.Float8E4M3FNUZ:
		convertEach(tensor.Data[tensor.F8E4M3FNUZ](out), src, func(x S) tensor.F8E4M3FNUZ { return tensor.ToF8E4M3FNUZ(float32(x), v.saturate) })
	case tensor.Float8E5M2:
		convertEach(tensor.Data[tensor.F8E5M2](out), src, func(x S) tensor.F8E5M2 { return tensor.ToF8E5M2(float32(x), v.saturate) })
	case tensor.Float8E5M2FNUZ:
		convertEach(tensor.Data[tensor.F8E5M2FNUZ](out), src, func(x S) tensor.F8E5M2FNUZ { return tensor.ToF8E5M2FNUZ(float32(x), v.saturate) })
	case tensor.Float8E8M0:
		convertEach(tensor.Data[tensor.F8E8M0](out), src, func(x S) tensor.F8E8M0 { return tensor.ToF8E8M0(float32(x), v.saturate, v.mode) })
	case tensor.Float4E2M1:
		convertEach(tensor.Data[tensor.F4E2M1](out), src, func(x S) tensor.F4E2M1 { return tensor.ToF4E2M1(float32(x)) })
	case tensor.Int4:
		convertEach(tensor.Data[tensor.I4](out), src, func(x S) tensor.I4 { return tensor.I4(int8(x)<<4) >> 4 })
	case tensor.Uint4:
		convertEach(tensor.Data[tensor.U4](out), src, func(x S) tensor.U4 { return tensor.U4(int8(x)) & 15 })
	case tensor.Int2:
		convertEach(tensor.Data[tensor.I2](out), src, func(x S) tensor.I2 { return tensor.I2(int8(x)<<6) >> 6 })
	case tensor.Uint2:
		convertEach(tensor.Data[tensor.U2](out), src, func(x S) tensor.U2 { return tensor.U2(int8(x)) & 3 })
	default:
		return fmt.Errorf("cannot cast to element type %s", out.DType())
	}
	return nil
}

// takeFloat8Attrs drops what matters for other types only.
func takeFloat8Attrs(l *ir.Legacy, to tensor.DType) {
	if !float8Types.Has(to) {
		l.Take("saturate")
	}
	if to != tensor.Float8E8M0 {
		l.Take("round_mode")
	}
}

func gradCast(g *gradient) { g.give(0, g.cast(g.Of(0), g.In(0))) }
