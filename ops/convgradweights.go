package ops

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// ConvGradWeights is the gradient of a Conv with these attributes by its filters: computed from dY, the gradient of its
// output, N×M×…, the input X, N×C×spatial, and the shape of the filters, M×C/Group×kernel.
type ConvGradWeights struct{ Conv }

func (*ConvGradWeights) Def() *ir.Def { return convGradWeights }

var convGradWeights = &ir.Def{
	Name: "ConvGradWeights", Family: ir.Convolution, Domain: fusedDomain, Doc: "gradient of a convolution's filters", Since: []int{1},
	New:   func() ir.Op { return ir.New[ConvGradWeights]() },
	Ins:   []ir.Param{{Name: "dY", Type: "T"}, {Name: "X", Type: "T"}, {Name: "shape", Type: "int64"}},
	Outs:  []ir.Param{{Name: "dW", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": floatTypes},
	Infer: func(c *ir.InferCtx) error {
		w, err := statedShape(c, 2)
		if err != nil {
			return err
		}
		c.SetShape(0, w)
		y, err := c.Node.Op.(*ConvGradWeights).shape(c.Shape(1), w, nil)
		if err != nil {
			return err
		}
		return checkGradient(c.Shape(0), y)
	},
	Eval: floatEval(convGradWeightsOf[float32], convGradWeightsOf[float64]),
	MACs: func(n *ir.Node) int64 { return convMACs(n.In(0), n.Out(0)) },
}

// convGradWeightsOf adds to the filters, for each position of the window, what the window sees there times the gradient
// of that position. Sums are of float64.
func convGradWeightsOf[T tensor.Float](c *ir.EvalCtx) error {
	a := c.Op.(*ConvGradWeights)
	out, err := statedOutput(c, 2)
	if err != nil {
		return err
	}
	win, err := a.gradWindow(c.In[0], c.In[1], out)
	if err != nil || out.Len() == 0 {
		return err
	}
	dy, x, dw := tensor.Data[T](c.In[0]), tensor.Data[T](c.In[1]), tensor.Data[T](out)
	inPlane, outPlane, kernel := product(win.In), product(win.Out), product(win.Kernel)
	cg, mg := out.Dim(1), out.Dim(0)/a.Group
	sums, err := ir.Scratch[float64](c, len(dw))
	if err != nil || len(x) == 0 {
		return err
	}
	win.each(c, func(pos int, taps []tap) {
		for ng := range c.In[1].Dim(0) * a.Group {
			for m := range mg {
				c.Spend(cg * len(taps))
				v := float64(dy[(ng*mg+m)*outPlane+pos])
				filter := sums[(ng%a.Group*mg+m)*cg*kernel:]
				for i := range cg {
					plane := x[(ng*cg+i)*inPlane:]
					for _, t := range taps {
						filter[i*kernel+t.kernel] += v * float64(plane[t.in])
					}
				}
			}
		}
	})
	for i, v := range sums {
		dw[i] = T(v)
	}
	return nil
}
