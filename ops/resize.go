package ops

import (
	"fmt"
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Resize resamples X along Axes (all, when nil) by scales, or to sizes. The input roi matters to the mode
// tf_crop_and_resize alone. Coordinates are computed in float32, as ONNX Runtime does, so that the nearest element is
// the same one. Integers are resampled as floats and the result is truncated.
type Resize struct {
	Antialias                    bool    `attr:"antialias,since=18"`
	Axes                         []int   `attr:"axes,since=18"`
	CoordinateTransformationMode string  `attr:"coordinate_transformation_mode,default=half_pixel,oneof=half_pixel|half_pixel_symmetric|pytorch_half_pixel|align_corners|asymmetric|tf_crop_and_resize|tf_half_pixel_for_nn"`
	CubicCoeffA                  float32 `attr:"cubic_coeff_a,default=-0.75"`
	ExcludeOutside               bool    `attr:"exclude_outside"`
	ExtrapolationValue           float32 `attr:"extrapolation_value"`
	KeepAspectRatioPolicy        string  `attr:"keep_aspect_ratio_policy,default=stretch,oneof=stretch|not_larger|not_smaller,since=18"`
	Mode                         string  `attr:"mode,default=nearest,oneof=nearest|linear|cubic"`
	NearestMode                  string  `attr:"nearest_mode,default=round_prefer_floor,oneof=round_prefer_floor|round_prefer_ceil|floor|ceil"`
}

func (*Resize) Def() *ir.Def { return resize }

var resize = &ir.Def{
	Name: "Resize", Family: ir.Shaping, Doc: "resampling by scales or to sizes", Since: []int{10, 11, 13, 18, 19},
	New: func() ir.Op { return ir.New[Resize]() },
	Ins: []ir.Param{{Name: "X", Type: "T1", Learned: ir.Never}, {Name: "roi", Type: "T2", Kind: ir.Optional, Learned: ir.Never},
		{Name: "scales", Type: "float32", Kind: ir.Optional, Learned: ir.Never}, {Name: "sizes", Type: "int64", Kind: ir.Optional}},
	Outs:      []ir.Param{{Name: "Y", Type: "T1"}},
	Types:     map[string]ir.TypeSet{"T1": anyType, "T2": floatTypes},
	Upgrade:   upgradeResize,
	Downgrade: downgradeResize,
	Infer:     inferResize,
	Eval:      evalResize,
	Grad:      backward(gradResize),
}

// Opset 10 had the inputs X and scales, and what Upsample computes.
func upgradeResize(l *ir.Legacy) error {
	if l.Opset >= 11 {
		return nil
	}
	return emitUpsample(l, l.In(1))
}

func inferResize(c *ir.InferCtx) error {
	a := c.Node.Op.(*Resize)
	if a.Mode != "nearest" && !numericTypes.Has(c.DType(0)) {
		return &ir.AttrError{Attr: "mode", Msg: fmt.Sprintf("%s is not defined for %s", a.Mode, c.DType(0))}
	}
	x := c.Shape(0)
	if x == nil {
		return nil
	}
	axes, err := a.axes(len(x))
	if err != nil {
		return err
	}
	if err := checkCounts(c, len(axes)); err != nil {
		return err
	}
	var scales []float32
	if t := c.Const(2); t != nil {
		scales = tensor.Data[float32](t)
	}
	sizes := c.Dims(3)
	out := x.Clone()
	for _, d := range axes {
		out[d] = ir.UnknownDim
	}
	if in, ok := x.Ints(); ok && (len(scales) > 0 || c.Const(3) != nil) {
		ints, _ := ir.Shape(sizes).Ints()
		plan, err := a.plan(in, nil, scales, ints)
		if err != nil {
			return err
		}
		for d, p := range plan {
			out[d] = ir.Known(p.out)
		}
	} else if len(scales) == len(axes) {
		for i, d := range axes {
			out[d] = scaledDim(x[d], scales[i])
		}
	} else if len(sizes) == len(axes) && a.KeepAspectRatioPolicy == "stretch" {
		for i, d := range axes {
			out[d] = sizes[i]
		}
	}
	c.SetShape(0, out)
	return nil
}

// checkCounts refuses scales and sizes that are not one for each axis, where their number is known.
func checkCounts(c *ir.InferCtx, axes int) error {
	given := false
	for k, name := range []string{"scales", "sizes"} {
		i := 2 + k
		if !c.Has(i) {
			continue
		}
		n := ir.UnknownDim
		if shape := c.Shape(i); shape != nil {
			n = shape.Count()
		}
		if n.IsKnown() && n.N != 0 && n.N != axes {
			return fmt.Errorf("%s has %d numbers, expects one for each of %d axes", name, n.N, axes)
		}
		given = given || n != ir.Known(0)
	}
	if !given && axes > 0 {
		return fmt.Errorf("neither scales nor sizes are given")
	}
	return nil
}

// scaledDim is a dimension times a scale, as far as it is known.
func scaledDim(d ir.Dim, scale float32) ir.Dim {
	if n := int(scale); scale >= 1 && float32(n) == scale {
		return d.Mul(ir.Known(n))
	}
	if inverse := math.Round(1 / float64(scale)); scale > 0 && scale < 1 && inverse < 1<<20 && float32(1/inverse) == scale && !d.IsKnown() {
		return d.Div(ir.Known(int(inverse)))
	}
	if n, err := scaledSize(d.N, scale); d.IsKnown() && err == nil {
		return ir.Known(n)
	}
	return ir.UnknownDim
}

// scaledSize is floor(n·scale), in float32 as ONNX's own inference has it.
func scaledSize(n int, scale float32) (int, error) {
	size := float32(n) * scale
	if !(scale > 0) || !(size < 1<<52) {
		return 0, fmt.Errorf("scale %v of a dimension of %d is not supported", scale, n)
	}
	return int(size), nil
}

// axes is the axes that scales, sizes and roi speak of.
func (a *Resize) axes(rank int) ([]int, error) {
	if a.Axes == nil {
		return indexRange(make([]struct{}, rank)), nil
	}
	axes, err := axesOf(a.Axes, rank)
	if err != nil {
		return nil, &ir.AttrError{Attr: "axes", Msg: err.Error()}
	}
	return axes, nil
}

// resizeAxis is how one dimension is resampled.
type resizeAxis struct {
	in, out          int
	scale            float32
	width            float32 // the output size that in·scale gives before it is rounded
	roiStart, roiEnd float32
}

// plan resolves how each dimension of shape is resampled; one of scales and sizes is empty.
func (a *Resize) plan(shape []int, roi []float64, scales []float32, sizes []int) ([]resizeAxis, error) {
	axes, err := a.axes(len(shape))
	if err != nil {
		return nil, err
	}
	n := len(axes)
	if len(scales)+len(sizes) != n || len(scales) > 0 && len(sizes) > 0 {
		return nil, fmt.Errorf("scales has %d values and sizes %d, expects %d in one of them", len(scales), len(sizes), n)
	}
	plan := make([]resizeAxis, len(shape))
	for d, in := range shape {
		plan[d] = resizeAxis{in: in, out: in, scale: 1, width: float32(in), roiEnd: 1}
	}
	if len(roi) == 2*n {
		for i, d := range axes {
			plan[d].roiStart, plan[d].roiEnd = float32(roi[i]), float32(roi[n+i])
		}
	} else if len(roi) > 0 {
		return nil, fmt.Errorf("roi has %d values, expects %d", len(roi), 2*n)
	}
	for i, scale := range scales {
		p := &plan[axes[i]]
		if p.out, err = scaledSize(p.in, scale); err != nil {
			return nil, err
		}
		p.scale, p.width = scale, float32(p.in)*scale
	}
	if len(sizes) > 0 {
		if err := a.planSizes(plan, axes, sizes); err != nil {
			return nil, err
		}
	}
	for d, p := range plan {
		if p.in == 0 && p.out > 0 {
			return nil, fmt.Errorf("dimension %d is empty and cannot be resized to %d", d, p.out)
		}
	}
	return plan, nil
}

func (a *Resize) planSizes(plan []resizeAxis, axes, sizes []int) error {
	common := float32(0)
	for i, d := range axes {
		p := &plan[d]
		if p.out = sizes[i]; p.out < 0 {
			return fmt.Errorf("sizes %v has a negative value", sizes)
		}
		p.scale, p.width = float32(p.out)/float32(max(p.in, 1)), float32(p.out)
		if i == 0 || (a.KeepAspectRatioPolicy == "not_larger") == (p.scale < common) {
			common = p.scale
		}
	}
	if a.KeepAspectRatioPolicy == "stretch" {
		return nil
	}
	for _, d := range axes {
		width := common * float32(plan[d].in)
		plan[d].scale, plan[d].width = common, width
		plan[d].out = int(math.Floor(float64(width) + 0.5))
	}
	return nil
}

// planOf is plan for the node's other inputs, nil where absent.
func (a *Resize) planOf(shape []int, roi, scales, sizes *tensor.Tensor) ([]resizeAxis, error) {
	var r []float64
	if a.CoordinateTransformationMode == "tf_crop_and_resize" {
		r = asFloat64(roi)
	}
	var factors []float32
	if scales != nil {
		factors = tensor.Data[float32](scales)
	}
	var ints []int
	if sizes != nil {
		ints, _ = sizes.AsInts()
	}
	return a.plan(shape, r, factors, ints)
}

func evalResize(c *ir.EvalCtx) error {
	a := c.Op.(*Resize)
	x := c.In[0]
	plan, err := a.planOf(x.Shape(), c.Input(1), c.Input(2), c.Input(3))
	if err != nil {
		return err
	}
	shape := make([]int, len(plan))
	for d, p := range plan {
		shape[d] = p.out
	}
	out, err := c.Output(0, x.DType(), shape...)
	if err != nil || out.Len() == 0 {
		return err
	}
	if a.Mode == "nearest" && a.CoordinateTransformationMode != "tf_crop_and_resize" {
		copyMapped(c, out, x, a.nearestOffsets(plan))
		return nil
	}
	if !numericTypes.Has(x.DType()) {
		return fmt.Errorf("mode %s with coordinate_transformation_mode %s is not defined for %s", a.Mode, a.CoordinateTransformationMode, x.DType())
	}
	return a.resample(c, out, x, plan)
}

func (a *Resize) nearestOffsets(plan []resizeAxis) [][]int {
	offsets := make([][]int, len(plan))
	stride := 1
	for d, p := range slices.Backward(plan) {
		offsets[d] = make([]int, p.out)
		for o := range offsets[d] {
			offsets[d][o] = a.nearest(a.source(p, o), p.in) * stride
		}
		stride *= p.in
	}
	return offsets
}

func gradResize(g *gradient) {
	in := slices.Insert(g.others(g.Of(0)), 1, g.shape(g.In(0)))
	g.give(0, g.do(&ResizeGrad{*g.Node.Op.(*Resize)}, in...))
}
