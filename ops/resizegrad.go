package ops

import (
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// ResizeGrad is the gradient of a Resize with these attributes by its input: computed from dY, the gradient of its
// output, the shape of the input, and the other inputs.
type ResizeGrad struct{ Resize }

func (*ResizeGrad) Def() *ir.Def { return resizeGrad }

var resizeGrad = &ir.Def{
	Name: "ResizeGrad", Domain: fusedDomain, Doc: "gradient of resampling", Since: []int{1},
	New: func() ir.Op { return ir.New[ResizeGrad]() },
	Ins: []ir.Param{{Name: "dY", Type: "T1"}, {Name: "shape", Type: "int64"}, {Name: "roi", Type: "T2", Kind: ir.Optional},
		{Name: "scales", Type: "float32", Kind: ir.Optional}, {Name: "sizes", Type: "int64", Kind: ir.Optional}},
	Outs:  []ir.Param{{Name: "dX", Type: "T1"}},
	Types: map[string]ir.TypeSet{"T1": floatTypes, "T2": floatTypes},
	Infer: func(c *ir.InferCtx) error {
		shape, err := statedShape(c, 1)
		c.SetShape(0, shape)
		return err
	},
	Eval: floatEval(resizeGradOf[float32], resizeGradOf[float64]),
}

// resizeGradOf goes back through the dimensions, from the last to the first: what a position was made of gets its share.
func resizeGradOf[T tensor.Float](c *ir.EvalCtx) error {
	a := c.Op.(*ResizeGrad)
	out, err := statedOutput(c, 1)
	if err != nil {
		return err
	}
	plan, err := a.planOf(out.Shape(), c.Input(2), c.Input(3), c.Input(4))
	if err != nil {
		return err
	}
	shape := make([]int, len(plan))
	for d, p := range plan {
		shape[d] = p.out
	}
	if err := checkGradient(shapeOf(c, 0), ir.Dims(shape...)); err != nil {
		return err
	}
	data := tensor.Data[T](c.In[0])
	for d, p := range slices.Backward(plan) {
		inner, outer := product(out.Shape()[d+1:]), product(shape[:d])
		next, err := ir.Scratch[T](c, outer, p.in, inner)
		if err != nil || out.Len() == 0 {
			return err
		}
		for o := range p.out {
			for _, t := range a.sample(p, o) {
				for i := range outer {
					src, dst := data[(i*p.out+o)*inner:][:inner], next[(i*p.in+t.index)*inner:][:inner]
					for j, v := range src {
						dst[j] += v * T(t.weight)
					}
				}
			}
		}
		data = next
	}
	copy(tensor.Data[T](out), data)
	return nil
}
