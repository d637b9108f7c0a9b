package ops

import (
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// downgradeResize writes Resize as opsets 13 and 11 had it, or the Upsample that it was before.
func downgradeResize(l *ir.Legacy) error {
	a := l.Node.Op.(*Resize)
	switch a.CoordinateTransformationMode {
	case "half_pixel_symmetric":
		if l.Opset < 19 {
			return l.Needs(19, `attribute "coordinate_transformation_mode" half_pixel_symmetric`)
		}
	case "tf_half_pixel_for_nn":
		if l.Opset >= 13 { // where it is not any more: half_pixel is less by 1/2
			same, ok := map[string]string{"floor": "round_prefer_ceil", "round_prefer_floor": "ceil"}[a.NearestMode]
			if a.Mode != "nearest" || !ok {
				return &ir.AttrError{Attr: "coordinate_transformation_mode", Msg: "tf_half_pixel_for_nn is not in opset 13 and newer ones: write opset 12"}
			}
			l.Take("coordinate_transformation_mode")
			l.Set("nearest_mode", same)
		}
	}
	if l.Opset < 18 && a.Axes != nil {
		if err := a.allAxes(l); err != nil {
			return err
		}
	}
	switch {
	case l.Opset >= 13:
	case l.Opset >= 11: // roi and scales had to be there
		for i := 1; i <= 2; i++ {
			if l.In(i) == nil {
				l.SetIn(i, l.Const(tensor.New(tensor.Float32, 0)))
			}
		}
	default:
		return a.toUpsample(l)
	}
	return nil
}

// allAxes states scales or sizes of all dimensions, not of the axes.
func (a *Resize) allAxes(l *ir.Legacy) error {
	refuse := l.Needs(18, `attribute "axes"`)
	x := l.In(0).Type().Shape
	if x == nil || l.In(1) != nil && a.CoordinateTransformationMode == "tf_crop_and_resize" {
		return refuse
	}
	axes, err := a.axes(len(x))
	if err != nil {
		return err
	}
	if v := l.In(2); v != nil && (l.In(3) == nil || v.Const() == nil || v.Const().Len() > 0) { // no scales beside sizes are none
		if v.Const() == nil || v.Const().Len() != len(axes) {
			return refuse
		}
		scales := slices.Repeat([]float32{1}, len(x))
		for i, d := range axes {
			scales[d] = tensor.Data[float32](v.Const())[i]
		}
		l.SetIn(2, l.Const(tensor.Vector(scales...)))
	}
	if v := l.In(3); v != nil {
		sizes := x.Clone()
		for i, d := range axes {
			if len(v.Dims()) != len(axes) {
				return refuse
			}
			sizes[d] = v.Dims()[i]
		}
		ints, ok := sizes.Ints()
		if !ok {
			return refuse
		}
		l.SetIn(3, l.Ints(ints...))
	}
	if l.In(2) == nil && l.In(3) == nil { // of no axes, neither need be there
		l.SetIn(2, l.Const(tensor.Vector(slices.Repeat([]float32{1}, len(x))...)))
	}
	l.Take("axes")
	return nil
}

// toUpsample writes opset 10's Resize, or Upsample: coordinates are divided by the scales, the nearest element is the
// lower one where the image grows and, in opset 10, the upper one where it shrinks.
func (a *Resize) toUpsample(l *ir.Legacy) error {
	scales, v := a.constantScales(l), l.In(2)
	if scales != nil && (v == nil || v.Const() == nil || v.Const().Len() == 0) {
		v = l.Const(tensor.Vector(scales...))
	}
	if v == nil || v.Const() == nil && l.Opset < 9 {
		return l.Needs(11, "a size that is computed")
	}
	grows, shrinks := scales != nil, scales != nil
	for _, s := range scales {
		grows, shrinks = grows && s >= 1, shrinks && s <= 1
	}
	whole := scales != nil && !slices.ContainsFunc(scales, func(s float32) bool { return s < 1 || s != float32(int(s)) })
	asymmetric := a.CoordinateTransformationMode == "asymmetric"
	switch {
	case l.Opset < 10 && !grows:
		return l.Needs(10, "a scale that is not known to be at least 1")
	case a.Mode == "linear" && asymmetric:
	case a.Mode == "nearest" && asymmetric && a.NearestMode == "floor" && grows:
	case a.Mode == "nearest" && asymmetric && a.NearestMode == "ceil" && shrinks && !grows:
	case a.Mode == "nearest" && a.CoordinateTransformationMode == "half_pixel" && a.NearestMode[:5] == "round" && whole:
		// (o + 1/2)/s - 1/2 is within half a place of floor(o/s)
	default:
		return l.Needs(11, "what is not division by the scales")
	}
	l.Attrs, l.Inputs = nil, []*ir.Value{l.In(0), v}
	if a.Mode != "nearest" {
		l.Set("mode", a.Mode)
	}
	if l.Opset < 10 {
		l.Type = "Upsample"
	}
	if l.Opset < 9 {
		l.Set("scales", scales)
		l.Inputs = l.Inputs[:1]
	}
	return nil
}

// constantScales is the scales, those of known sizes too; nil where they are not known.
func (a *Resize) constantScales(l *ir.Legacy) []float32 {
	if v := l.In(2); v != nil && v.Const() != nil && v.Const().Len() > 0 {
		return tensor.Data[float32](v.Const())
	}
	if l.In(3) == nil {
		return nil
	}
	in, out := l.In(0).Type().Shape, l.Node.Out(0).Type().Shape
	if len(in) != len(out) {
		return nil
	}
	scales := make([]float32, len(in))
	for d := range in {
		switch {
		case in[d].Same(out[d]):
			scales[d] = 1
		case in[d].IsKnown() && out[d].IsKnown() && in[d].N > 0:
			scales[d] = float32(out[d].N) / float32(in[d].N)
			if n, err := scaledSize(in[d].N, scales[d]); err != nil || n != out[d].N {
				return nil
			}
		default:
			return nil
		}
	}
	return scales
}
