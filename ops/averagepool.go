package ops

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// AveragePool is the mean of the elements under each position of a window over X, N×C×spatial. Pads are not counted,
// or, with CountIncludePad, counted as zeros; positions beyond the pads, which ceil_mode lets a window reach, never
// are. A window that sees nothing gives 0.
type AveragePool struct {
	AutoPad         string `attr:"auto_pad,default=NOTSET,oneof=NOTSET|SAME_UPPER|SAME_LOWER|VALID"`
	CeilMode        bool   `attr:"ceil_mode"`
	CountIncludePad bool   `attr:"count_include_pad"`
	Dilations       []int  `attr:"dilations,since=19"`
	KernelShape     []int  `attr:"kernel_shape,required"`
	Pads            []int  `attr:"pads"`
	Strides         []int  `attr:"strides"`
}

func (*AveragePool) Def() *ir.Def { return averagePool }

var averagePool = &ir.Def{
	Name: "AveragePool", Family: ir.Pooling, Doc: "mean under a sliding window", Since: []int{1, 7, 10, 11, 19, 22},
	New:   func() ir.Op { return ir.New[AveragePool]() },
	Ins:   []ir.Param{{Name: "X", Type: "T"}},
	Outs:  []ir.Param{{Name: "Y", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": floatTypes},
	Downgrade: func(l *ir.Legacy) error {
		takeOnes(l, "dilations")
		a := l.Node.Op.(*AveragePool)
		return dropCeil(l, a.sliding(), a.KernelShape, a.CountIncludePad)
	},
	Infer: func(c *ir.InferCtx) error {
		a := c.Node.Op.(*AveragePool)
		out, err := a.sliding().pooled(c.Shape(0), a.KernelShape)
		c.SetShape(0, out)
		return err
	},
	Eval: floatEval(averagePoolOf[float32], averagePoolOf[float64]),
	Grad: backward(gradAveragePool),
}

// Window resolves the window for the spatial sizes of X.
func (a *AveragePool) Window(in []int) (Window, error) { return a.sliding().resolve(in, a.KernelShape) }

func (a *AveragePool) sliding() sliding {
	return sliding{autoPad: a.AutoPad, pads: a.Pads, strides: a.Strides, dilations: a.Dilations, ceil: a.CeilMode}
}

func averagePoolOf[T tensor.Float](c *ir.EvalCtx) error {
	a := c.Op.(*AveragePool)
	y, win, err := poolOutput(c, a.sliding(), a.KernelShape)
	if err != nil || y.Len() == 0 {
		return err
	}
	var counts []int
	if a.CountIncludePad {
		counts = win.padded()
	}
	src, dst := tensor.Data[T](c.In[0]), tensor.Data[T](y)
	inPlane, outPlane := product(win.In), product(win.Out)
	win.each(c, func(pos int, taps []tap) {
		count := len(taps)
		if a.CountIncludePad {
			count = counts[pos]
		}
		for p := range len(dst) / outPlane {
			c.Spend(len(taps))
			plane, sum := src[p*inPlane:][:inPlane], 0.0
			for _, t := range taps {
				sum += float64(plane[t.in])
			}
			dst[p*outPlane+pos] = T(sum / float64(max(count, 1)))
		}
	})
	return nil
}

func gradAveragePool(g *gradient) {
	g.give(0, g.do(&AveragePoolGrad{*g.Node.Op.(*AveragePool)}, g.Of(0), g.shape(g.In(0))))
}
