package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// StandardizeGrad is the gradient of H = (X - mean)/sqrt(variance + Epsilon) by X, with mean and variance over Axes:
// computed from dH, the gradient of H. H itself is the second output. Normalizations of layers, instances and groups
// are made of it.
type StandardizeGrad struct {
	Axes    []int   `attr:"axes,required"`
	Epsilon float32 `attr:"epsilon,default=1e-5"`
}

func (*StandardizeGrad) Def() *ir.Def { return standardizeGrad }

var standardizeGrad = &ir.Def{
	Name: "StandardizeGrad", Domain: fusedDomain, Doc: "gradient of standardization over axes", Since: []int{1},
	New:   func() ir.Op { return ir.New[StandardizeGrad]() },
	Ins:   []ir.Param{{Name: "dH", Type: "T"}, {Name: "X", Type: "T"}},
	Outs:  []ir.Param{{Name: "dX", Type: "T"}, {Name: "H", Type: "T", Kind: ir.Optional}},
	Types: map[string]ir.TypeSet{"T": floatTypes},
	Infer: func(c *ir.InferCtx) error {
		x := c.Shape(1)
		c.SetShape(0, x)
		c.SetShape(1, x)
		if x == nil {
			return nil
		}
		if _, err := axesOf(c.Node.Op.(*StandardizeGrad).Axes, len(x)); err != nil {
			return &ir.AttrError{Attr: "axes", Msg: err.Error()}
		}
		return checkGradient(c.Shape(0), x)
	},
	Eval: evalStandardizeGrad,
}

// evalStandardizeGrad computes (dh - mean(dh) - h·mean(dh·h))/deviation.
func evalStandardizeGrad(c *ir.EvalCtx) error {
	a, shape := c.Op.(*StandardizeGrad), c.In[1].Shape()
	axes, err := axesOf(a.Axes, len(shape))
	if err != nil {
		return err
	}
	if err := checkGradient(shapeOf(c, 0), shapeOf(c, 1)); err != nil {
		return err
	}
	strides, bases, inner := tensor.Strides(shape), []int{0}, []int{0}
	marks := make([]bool, len(shape))
	for _, d := range axes {
		marks[d] = true
	}
	for d, n := range shape {
		if marks[d] {
			inner, err = spread(c, inner, n, strides[d])
		} else {
			bases, err = spread(c, bases, n, strides[d])
		}
		if err != nil {
			return err
		}
	}
	s := &scratch{c: c}
	dh, x := s.wide(c.In[0]), s.wide(c.In[1])
	dx, h, part := s.floats(len(x)), s.floats(len(x)), s.floats(len(inner))
	if s.err != nil {
		return s.err
	}
	if len(x) == 0 {
		bases = nil
	}
	for _, base := range bases {
		for i, o := range inner {
			part[i] = x[base+o]
		}
		mean, variance := moments(part)
		inverse := 1 / math.Sqrt(variance+float64(a.Epsilon))
		sum, product := 0.0, 0.0
		for _, o := range inner {
			h[base+o] = (x[base+o] - mean) * inverse
			sum += dh[base+o]
			product += dh[base+o] * h[base+o]
		}
		n := float64(len(inner))
		for _, o := range inner {
			dx[base+o] = inverse * (dh[base+o] - sum/n - h[base+o]*product/n)
		}
	}
	if err := outputFloat64(c, 0, c.In[1].DType(), dx, shape); err != nil {
		return err
	}
	return outputFloat64(c, 1, c.In[1].DType(), h, shape)
}
