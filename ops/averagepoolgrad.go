package ops

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// AveragePoolGrad is the gradient of an AveragePool with these attributes by its input: computed from dY, the gradient
// of its output, and the shape of the input.
type AveragePoolGrad struct{ AveragePool }

func (*AveragePoolGrad) Def() *ir.Def { return averagePoolGrad }

var averagePoolGrad = &ir.Def{
	Name: "AveragePoolGrad", Domain: fusedDomain, Doc: "gradient of an average pooling", Since: []int{1},
	New:   func() ir.Op { return ir.New[AveragePoolGrad]() },
	Ins:   []ir.Param{{Name: "dY", Type: "T"}, {Name: "shape", Type: "int64"}},
	Outs:  []ir.Param{{Name: "dX", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": floatTypes},
	Infer: func(c *ir.InferCtx) error {
		a := c.Node.Op.(*AveragePoolGrad)
		x, err := statedShape(c, 1)
		if err != nil {
			return err
		}
		return a.sliding().inferGrad(c, x, a.KernelShape)
	},
	Eval: floatEval(averagePoolGradOf[float32], averagePoolGradOf[float64]),
}

func averagePoolGradOf[T tensor.Float](c *ir.EvalCtx) error {
	a := c.Op.(*AveragePoolGrad)
	out, err := statedOutput(c, 1)
	if err != nil {
		return err
	}
	win, err := a.sliding().gradWindow(c.In[0], out.Shape(), a.KernelShape)
	if err != nil || out.Len() == 0 {
		return err
	}
	var counts []int
	if a.CountIncludePad {
		counts = win.padded()
	}
	dy, dx := tensor.Data[T](c.In[0]), tensor.Data[T](out)
	inPlane, outPlane := product(win.In), product(win.Out)
	win.each(c, func(pos int, taps []tap) {
		count := len(taps)
		if a.CountIncludePad {
			count = counts[pos]
		}
		for p := range len(dx) / inPlane {
			c.Spend(len(taps))
			share := dy[p*outPlane+pos] / T(max(count, 1))
			for _, t := range taps {
				dx[p*inPlane+t.in] += share
			}
		}
	})
	return nil
}
