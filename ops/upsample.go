package ops

import (
	"errors"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Upsample was Resize before opset 10; graphs hold a Resize for it.
type Upsample struct {
	Mode string `attr:"mode,default=nearest,oneof=nearest|linear"`
}

func (*Upsample) Def() *ir.Def { return upsample }

var upsample = &ir.Def{
	Name: "Upsample", Family: ir.Shaping, Doc: "resampling by scales (deprecated: Resize)", Since: []int{1, 7, 9},
	New:     func() ir.Op { return ir.New[Upsample]() },
	Ins:     []ir.Param{{Name: "X", Type: "T"}, {Name: "scales", Type: "float32"}},
	Outs:    []ir.Param{{Name: "Y", Type: "T"}},
	Types:   map[string]ir.TypeSet{"T": anyType},
	Upgrade: upgradeUpsample,
	Infer:   func(*ir.InferCtx) error { return errReplaced },
	Eval:    func(*ir.EvalCtx) error { return errReplaced },
}

var errReplaced = errors.New("is deprecated: use Resize")

// The scales were, from opset 1 on, two attributes, then one, then an input.
func upgradeUpsample(l *ir.Legacy) error {
	switch {
	case l.Opset < 7:
		height, _, err := l.TakeFloat("height_scale")
		if err != nil {
			return err
		}
		width, _, err := l.TakeFloat("width_scale")
		if err != nil {
			return err
		}
		if l.Attr("mode") == "bilinear" {
			l.Set("mode", "linear")
		}
		return emitUpsample(l, l.Const(tensor.Vector(1, 1, height, width)))
	case l.Opset < 9:
		scales, ok, err := l.TakeFloats("scales")
		if err != nil {
			return err
		}
		if !ok {
			return &ir.AttrError{Attr: "scales", Msg: "is required"}
		}
		return emitUpsample(l, l.Const(tensor.Vector(scales...)))
	}
	return emitUpsample(l, l.In(1))
}

// emitUpsample replaces an Upsample, or a Resize of opset 10, by a Resize whose coordinates are divided by the scales.
// The nearest element is the lower one where the image grows, and the upper one where it shrinks: two nodes where it
// does both.
func emitUpsample(l *ir.Legacy, scales *ir.Value) error {
	mode := ir.New[Upsample]()
	if err := ir.DecodeAttrs(mode, l.Attrs, false); err != nil {
		return err
	}
	if scales == nil {
		return errors.New("input 1 (scales) is missing")
	}
	x, up := l.In(0), "floor"
	if t := scales.Const(); t != nil && t.DType() == tensor.Float32 && mode.Mode == "nearest" {
		data := tensor.Data[float32](t)
		grows := slices.ContainsFunc(data, func(s float32) bool { return s > 1 })
		if slices.ContainsFunc(data, func(s float32) bool { return s < 1 }) {
			if grows {
				larger := mapped(data, func(s float32) float32 { return max(s, 1) })
				var err error
				if x, err = emitResize(l, x, l.Const(tensor.Vector(larger...)), mode.Mode, "floor"); err != nil {
					return err
				}
				scales = l.Const(tensor.Vector(mapped(data, func(s float32) float32 { return min(s, 1) })...))
			}
			up = "ceil"
		}
	}
	y, err := emitResize(l, x, scales, mode.Mode, up)
	if err != nil {
		return err
	}
	l.Replace(y)
	return nil
}

func emitResize(l *ir.Legacy, x, scales *ir.Value, mode, nearest string) (*ir.Value, error) {
	op := ir.New[Resize]()
	op.Mode, op.NearestMode, op.CoordinateTransformationMode = mode, nearest, "asymmetric"
	return l.EmitMain(op, x, nil, scales)
}

func mapped[T any](in []T, f func(T) T) []T {
	out := make([]T, len(in))
	for i, v := range in {
		out[i] = f(v)
	}
	return out
}
