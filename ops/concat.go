package ops

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Concat puts tensors one after the other along Axis; their other dimensions are the same.
type Concat struct {
	Axis int `attr:"axis,required"`
}

func (*Concat) Def() *ir.Def { return concat }

var concat = &ir.Def{
	Name: "Concat", Family: ir.Shaping, Doc: "tensors one after the other along an axis", Since: []int{1, 4, 11, 13},
	New:       func() ir.Op { return ir.New[Concat]() },
	Ins:       []ir.Param{{Name: "inputs", Type: "T", Kind: ir.Variadic}},
	Outs:      []ir.Param{{Name: "concat_result", Type: "T"}},
	Types:     map[string]ir.TypeSet{"T": anyType},
	Upgrade:   upgradeConcat,
	Downgrade: downgradeAxis,
	Infer:     inferConcat,
	Eval:      evalConcat,
	Grad:      backward(gradConcat),
}

// Before opset 4 the axis had a default.
func upgradeConcat(l *ir.Legacy) error {
	if l.Opset < 4 && l.Attr("axis") == nil {
		l.Set("axis", 1)
	}
	return nil
}

func inferConcat(c *ir.InferCtx) error {
	shapes := make([]ir.Shape, c.NumIn())
	var elems []ir.Dim
	known := true
	for i := range shapes {
		if shapes[i] = c.Shape(i); shapes[i] == nil {
			return nil
		}
		dims := c.Dims(i)
		known = known && dims != nil
		elems = append(elems, dims...)
	}
	out, err := concatenated(shapes, c.Node.Op.(*Concat).Axis)
	if err != nil {
		return err
	}
	c.SetShape(0, out)
	if known && len(out) == 1 {
		c.SetDims(0, elems)
	}
	return nil
}

// concatenated is the shape of shapes put one after the other.
func concatenated(shapes []ir.Shape, axis int) (ir.Shape, error) {
	at, err := axisOf(axis, len(shapes[0]))
	if err != nil {
		return nil, &ir.AttrError{Attr: "axis", Msg: err.Error()}
	}
	out := shapes[0].Clone()
	for _, s := range shapes[1:] {
		if len(s) != len(out) {
			return nil, fmt.Errorf("shapes %v and %v differ in rank", shapes[0], s)
		}
		for d := range out {
			switch {
			case d == at:
				out[d] = out[d].Add(s[d])
			case differ(out[d], s[d]):
				return nil, fmt.Errorf("shapes %v and %v differ outside of axis %d", shapes[0], s, at)
			case !out[d].IsKnown() && s[d].IsKnown():
				out[d] = s[d]
			}
		}
	}
	return out, nil
}

func evalConcat(c *ir.EvalCtx) error {
	shapes := make([]ir.Shape, len(c.In))
	for i := range shapes {
		shapes[i] = shapeOf(c, i)
	}
	axis := c.Op.(*Concat).Axis
	shape, err := concatenated(shapes, axis)
	if err != nil {
		return err
	}
	out, err := outputShaped(c, 0, c.In[0].DType(), shape)
	if err != nil {
		return err
	}
	axis, _ = axisOf(axis, out.Rank())
	to := 0
	for _, x := range c.In {
		copySlab(c, out, x, axis, to, 0, x.Dim(axis))
		to += x.Dim(axis)
	}
	return nil
}

// copySlab copies n places along axis, from place from of src to place to of dst. The tensors' other dimensions are the
// same, and so are their element types.
func copySlab(c *ir.EvalCtx, dst, src *tensor.Tensor, axis, to, from, n int) {
	outer, inner := 1, 1
	if n == 0 || src.Len() == 0 {
		return
	}
	for _, d := range src.Shape()[:axis] {
		outer *= d
	}
	for _, d := range src.Shape()[axis+1:] {
		inner *= d
	}
	if dst.DType() == tensor.String {
		copySlabOf(c, tensor.Data[string](dst), tensor.Data[string](src), outer, dst.Dim(axis)*inner, src.Dim(axis)*inner, to*inner, from*inner, n*inner)
		return
	}
	inner *= dst.DType().Size()
	copySlabOf(c, dst.Bytes(), src.Bytes(), outer, dst.Dim(axis)*inner, src.Dim(axis)*inner, to*inner, from*inner, n*inner)
}

func copySlabOf[E any](c *ir.EvalCtx, dst, src []E, outer, dstStride, srcStride, to, from, n int) {
	for o := range outer {
		c.Spend(1 + n/64)
		copy(dst[o*dstStride+to:][:n], src[o*srcStride+from:][:n])
	}
}

// gradConcat cuts the gradient into pieces of the inputs' sizes.
func gradConcat(g *gradient) {
	axis, err := axisOf(g.Node.Op.(*Concat).Axis, g.rank(g.Of(0)))
	if err != nil {
		g.fail("%w", err)
		return
	}
	in := g.Node.Inputs()
	sizes := make([]*ir.Value, len(in))
	end := axis + 1
	for i, x := range in {
		if s := x.Type().Shape; s != nil && s[axis].IsKnown() {
			sizes[i] = g.ints(s[axis].N)
		} else {
			sizes[i] = g.do(&Shape{Start: axis, End: &end}, x)
		}
	}
	for i, piece := range g.several(&Split{Axis: axis}, len(in), g.Of(0), g.do(&Concat{}, sizes...)) {
		g.give(i, piece)
	}
}
