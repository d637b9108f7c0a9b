package ops

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// MaxPoolGrad is the gradient of a MaxPool with these attributes by its input X: computed from dY, the gradient of its
// output, each element of which goes to the element of X that won under its window.
type MaxPoolGrad struct{ MaxPool }

func (*MaxPoolGrad) Def() *ir.Def { return maxPoolGrad }

var maxPoolGrad = &ir.Def{
	Name: "MaxPoolGrad", Domain: fusedDomain, Doc: "gradient of a maximum pooling", Since: []int{1},
	New:   func() ir.Op { return ir.New[MaxPoolGrad]() },
	Ins:   []ir.Param{{Name: "dY", Type: "T"}, {Name: "X", Type: "T"}},
	Outs:  []ir.Param{{Name: "dX", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": floatTypes},
	Infer: func(c *ir.InferCtx) error {
		a := c.Node.Op.(*MaxPoolGrad)
		return a.sliding().inferGrad(c, c.Shape(1), a.KernelShape)
	},
	Eval: floatEval(maxPoolGradOf[float32], maxPoolGradOf[float64]),
}

// inferGrad is the Infer of the gradient of a pooling of x.
func (s sliding) inferGrad(c *ir.InferCtx, x ir.Shape, kernel []int) error {
	c.SetShape(0, x)
	y, err := s.pooled(x, kernel)
	if err != nil {
		return err
	}
	return checkGradient(c.Shape(0), y)
}

// gradWindow checks that dy is the gradient of a pooling of x, and resolves its window.
func (s sliding) gradWindow(dy *tensor.Tensor, x, kernel []int) (Window, error) {
	y, err := s.pooled(ir.Dims(x...), kernel)
	if err != nil {
		return Window{}, err
	}
	if err := checkGradient(ir.Dims(dy.Shape()...), y); err != nil {
		return Window{}, err
	}
	return s.resolve(x[2:], kernel)
}

func maxPoolGradOf[T tensor.Float](c *ir.EvalCtx) error {
	a := c.Op.(*MaxPoolGrad)
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
			plane, at := x[p*inPlane:][:inPlane], -1
			for _, t := range taps {
				if v := plane[t.in]; at < 0 || v > plane[at] || v != v && plane[at] == plane[at] {
					at = t.in
				}
			}
			if at >= 0 {
				dx[p*inPlane+at] += dy[p*outPlane+pos]
			}
		}
	})
	return nil
}
