package ops

import (
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// older is d with a Downgrade.
func older(d *ir.Def, downgrade func(*ir.Legacy) error) *ir.Def {
	d.Downgrade = downgrade
	return d
}

// late is d with the element types that it took in later.
func late(d *ir.Def, types ...ir.Widening) *ir.Def {
	d.Widened = types
	return d
}

// steps builds nodes one after another, up to the first that cannot be.
type steps struct {
	l   *ir.Legacy
	err error
}

// do emits a node and gives its output.
func (s *steps) do(op ir.Op, inputs ...*ir.Value) *ir.Value {
	if s.err != nil {
		return nil
	}
	var out *ir.Value
	out, s.err = s.l.Emit(op, inputs...)
	return out
}

// main is do for the node that the downgraded one mainly stands for.
func (s *steps) main(op ir.Op, inputs ...*ir.Value) *ir.Value {
	if s.err != nil {
		return nil
	}
	var out *ir.Value
	out, s.err = s.l.EmitMain(op, inputs...)
	return out
}

// number is a scalar of the element type of like.
func (s *steps) number(like *ir.Value, v float64) *ir.Value {
	if s.err != nil {
		return nil
	}
	if dt := like.Type().DType; dt != tensor.Float64 {
		return s.l.Const(tensor.FromFloat32(tensor.Scalar(float32(v)), dt))
	}
	return s.l.Const(tensor.Scalar(v))
}

// vector is n times a number of the element type of like.
func (s *steps) vector(like *ir.Value, n int, v float64) *ir.Value {
	if s.err != nil {
		return nil
	}
	if like.Type().DType == tensor.Float64 {
		return s.l.Const(tensor.Vector(slices.Repeat([]float64{v}, n)...))
	}
	return s.l.Const(tensor.FromFloat32(tensor.Vector(slices.Repeat([]float32{float32(v)}, n)...), like.Type().DType))
}

// cast is v as an element type.
func (s *steps) cast(v *ir.Value, to tensor.DType) *ir.Value {
	if s.err != nil || v.Type().DType == to {
		return v
	}
	op := ir.New[Cast]()
	op.To = to
	return s.do(op, v)
}

// end says that the values stand for the node's outputs.
func (s *steps) end(outs ...*ir.Value) error {
	if s.err == nil {
		s.l.Replace(outs...)
	}
	return s.err
}

// downgradeAxis counts a negative axis, which came with opset 11, from the front.
func downgradeAxis(l *ir.Legacy) error { return axisFromFront(l, 0) }

// axisFromFront does so for an axis of a tensor that has more dimensions than input 0.
func axisFromFront(l *ir.Legacy, more int) error {
	axis, ok := l.Attr("axis").(int)
	if !ok {
		return nil
	}
	axes, err := fromFront(l, []int{axis}, more)
	if err != nil || axes[0] == axis {
		return err
	}
	if l.Set("axis", axes[0]); ir.IsDefault(l.Node.Op, "axis", axes[0]) {
		l.Take("axis")
	}
	return nil
}

// axesAttr turns input i into the attribute axes, as it was below opset since, with axes counted from the front where
// the opset wants that. An absent input makes no attribute.
func axesAttr(l *ir.Legacy, i, since, more int) error {
	if err := l.IntsAttr("axes", i, since); err != nil {
		return err
	}
	axes, _ := l.Take("axes").([]int)
	axes, err := fromFront(l, axes, more)
	if err == nil && len(axes) > 0 {
		l.Set("axes", axes)
	}
	return err
}

// fromFront counts negative axes of a tensor with more dimensions than input 0 from the front, where the opset wants it.
func fromFront(l *ir.Legacy, axes []int, more int) ([]int, error) {
	negative := slices.ContainsFunc(axes, func(a int) bool { return a < 0 })
	if l.Opset >= 11 || !negative {
		return axes, nil
	}
	x := l.In(0).Type().Shape
	if x == nil {
		return nil, l.Needs(11, "a negative axis of a tensor of unknown rank")
	}
	return axesOf(axes, len(x)+more)
}

// takeOnes drops an attribute whose numbers are all 1, the default.
func takeOnes(l *ir.Legacy, name string) {
	if ints, ok := l.Attr(name).([]int); ok && !slices.ContainsFunc(ints, func(n int) bool { return n != 1 }) {
		l.Take(name)
	}
}

// dropCeil replaces ceil_mode, which poolings have from opset 10 on, by pads at the end that make room for the last
// window. It is for poolings that do not count pads.
func dropCeil(l *ir.Legacy, s sliding, kernel []int, padsCount bool) error {
	if !s.ceil || l.Opset >= 10 {
		return nil
	}
	if s.same() { // the windows are as many as the strides
		l.Take("ceil_mode")
		return nil
	}
	refuse := l.Needs(10, `attribute "ceil_mode"`)
	x := l.In(0).Type().Shape
	if x == nil {
		return refuse
	}
	in, known := x[2:].Ints()
	if !known {
		return refuse
	}
	w, err := s.resolve(in, kernel)
	if err != nil {
		return err
	}
	for d := range in {
		end := (w.Out[d]-1)*w.Stride[d] + s.extent(d, len(in), kernel[d]) - in[d] - w.PadBegin[d]
		if end <= w.PadEnd[d] {
			continue
		}
		if padsCount || end >= kernel[d] {
			return refuse
		}
		w.PadEnd[d] = end
	}
	l.Take("ceil_mode")
	l.Take("auto_pad")
	l.Set("pads", slices.Concat(w.PadBegin, w.PadEnd))
	return nil
}

// float32Of is the number that a constant of one element holds, where a float32 can.
func float32Of(v *ir.Value) (float32, bool) {
	if v.Const() == nil || v.Const().Len() != 1 || !floatTypes.Has(v.Type().DType) {
		return 0, false
	}
	x := asFloat64(v.Const())[0]
	return float32(x), float64(float32(x)) == x || math.IsNaN(x)
}
