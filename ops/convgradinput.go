package ops

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// ConvGradInput is the gradient of a Conv with these attributes by its input: computed from dY, the gradient of its
// output, N×M×…, the filters W, M×C/Group×kernel, and the shape of the input, N×C×spatial.
type ConvGradInput struct{ Conv }

func (*ConvGradInput) Def() *ir.Def { return convGradInput }

var convGradInput = &ir.Def{
	Name: "ConvGradInput", Family: ir.Convolution, Domain: fusedDomain, Doc: "gradient of a convolution's input", Since: []int{1},
	New:   func() ir.Op { return ir.New[ConvGradInput]() },
	Ins:   []ir.Param{{Name: "dY", Type: "T"}, {Name: "W", Type: "T"}, {Name: "shape", Type: "int64"}},
	Outs:  []ir.Param{{Name: "dX", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": floatTypes},
	Infer: func(c *ir.InferCtx) error {
		x, err := statedShape(c, 2)
		if err != nil {
			return err
		}
		c.SetShape(0, x)
		y, err := c.Node.Op.(*ConvGradInput).shape(x, c.Shape(1), nil)
		if err != nil {
			return err
		}
		return checkGradient(c.Shape(0), y)
	},
	Eval: floatEval(convGradInputOf[float32], convGradInputOf[float64]),
	MACs: func(n *ir.Node) int64 { return convMACs(n.In(0), n.In(1)) },
}

// convGradInputOf adds to the input, at each position of the window, the filters times the gradient of that position.
// Sums are of float64.
func convGradInputOf[T tensor.Float](c *ir.EvalCtx) error {
	a := c.Op.(*ConvGradInput)
	out, err := statedOutput(c, 2)
	if err != nil {
		return err
	}
	win, err := a.gradWindow(c.In[0], out, c.In[1])
	if err != nil || out.Len() == 0 {
		return err
	}
	dy, w, dx := tensor.Data[T](c.In[0]), tensor.Data[T](c.In[1]), tensor.Data[T](out)
	inPlane, outPlane, kernel := product(win.In), product(win.Out), product(win.Kernel)
	cg, mg := out.Dim(1)/a.Group, c.In[1].Dim(0)/a.Group
	sums, err := ir.Scratch[float64](c, len(dx))
	if err != nil || len(dy) == 0 {
		return err
	}
	win.each(c, func(pos int, taps []tap) {
		for ng := range out.Dim(0) * a.Group {
			for m := range mg {
				c.Spend(cg * len(taps))
				v := float64(dy[(ng*mg+m)*outPlane+pos])
				filter := w[(ng%a.Group*mg+m)*cg*kernel:]
				for i := range cg {
					plane := sums[(ng*cg+i)*inPlane:]
					for _, t := range taps {
						plane[t.in] += v * float64(filter[i*kernel+t.kernel])
					}
				}
			}
		}
	})
	for i, v := range sums {
		dx[i] = T(v)
	}
	return nil
}

// gradWindow checks that dy is the gradient of the convolution of x with w, and resolves its window.
func (a *Conv) gradWindow(dy, x, w *tensor.Tensor) (Window, error) {
	y, err := a.shape(ir.Dims(x.Shape()...), ir.Dims(w.Shape()...), nil)
	if err != nil {
		return Window{}, err
	}
	if err := checkGradient(ir.Dims(dy.Shape()...), y); err != nil {
		return Window{}, err
	}
	return a.Window(x.Shape()[2:], w.Shape()[2:])
}
