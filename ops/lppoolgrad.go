package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// LpPoolGrad is the gradient of an LpPool with these attributes by its input X: computed from dY, the gradient of its
// output. It is 0 where the norm is 0.
type LpPoolGrad struct{ LpPool }

func (*LpPoolGrad) Def() *ir.Def { return lpPoolGrad }

var lpPoolGrad = &ir.Def{
	Name: "LpPoolGrad", Domain: fusedDomain, Doc: "gradient of a p-norm pooling", Since: []int{1},
	New:   func() ir.Op { return ir.New[LpPoolGrad]() },
	Ins:   []ir.Param{{Name: "dY", Type: "T"}, {Name: "X", Type: "T"}},
	Outs:  []ir.Param{{Name: "dX", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": floatTypes},
	Infer: func(c *ir.InferCtx) error {
		a := c.Node.Op.(*LpPoolGrad)
		if a.P < 1 {
			return ir.Unsupported("p", a.P)
		}
		return a.sliding().inferGrad(c, c.Shape(1), a.KernelShape)
	},
	Eval: floatEval(lpPoolGradOf[float32], lpPoolGradOf[float64]),
}

func lpPoolGradOf[T tensor.Float](c *ir.EvalCtx) error {
	a := c.Op.(*LpPoolGrad)
	out, err := c.Output(0, c.In[1].DType(), c.In[1].Shape()...)
	if err != nil {
		return err
	}
	win, err := a.sliding().gradWindow(c.In[0], c.In[1].Shape(), a.KernelShape)
	if err != nil || out.Len() == 0 {
		return err
	}
	dy, x, dx := tensor.Data[T](c.In[0]), tensor.Data[T](c.In[1]), tensor.Data[T](out)
	inPlane, outPlane := product(win.In), product(win.Out)
	win.each(c, func(pos int, taps []tap) {
		for p := range len(dx) / inPlane {
			c.Spend(len(taps))
			plane, norm := x[p*inPlane:][:inPlane], lpNorm{p: a.P}
			for _, t := range taps {
				norm.add(float64(plane[t.in]))
			}
			for _, t := range taps {
				dx[p*inPlane+t.in] += dy[p*outPlane+pos] * T(norm.slope(float64(plane[t.in])))
			}
		}
	})
	return nil
}

// slope is the derivative of the norm by one of its elements, 0 where the norm is 0.
func (n *lpNorm) slope(v float64) float64 {
	if n.sum == 0 || v == 0 {
		return 0
	}
	return math.Copysign(math.Pow(math.Abs(v)/n.value(), float64(n.p-1)), v)
}
