package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// LpPool is the P-norm, (Σ|x|^P)^(1/P), under each position of a window over X, N×C×spatial. Pads count as zeros.
type LpPool struct {
	AutoPad     string `attr:"auto_pad,default=NOTSET,oneof=NOTSET|SAME_UPPER|SAME_LOWER|VALID"`
	CeilMode    bool   `attr:"ceil_mode,since=18"`
	Dilations   []int  `attr:"dilations,since=18"`
	KernelShape []int  `attr:"kernel_shape,required"`
	P           int    `attr:"p,default=2"`
	Pads        []int  `attr:"pads"`
	Strides     []int  `attr:"strides"`
}

func (*LpPool) Def() *ir.Def { return lpPool }

var lpPool = &ir.Def{
	Name: "LpPool", Family: ir.Pooling, Doc: "p-norm under a sliding window", Since: []int{1, 2, 11, 18, 22},
	New:     func() ir.Op { return ir.New[LpPool]() },
	Ins:     []ir.Param{{Name: "X", Type: "T"}},
	Outs:    []ir.Param{{Name: "Y", Type: "T"}},
	Types:   map[string]ir.TypeSet{"T": floatTypes},
	Upgrade: upgradeNormOrder,
	Downgrade: func(l *ir.Legacy) error {
		takeOnes(l, "dilations")
		return nil
	},
	Infer: func(c *ir.InferCtx) error {
		a := c.Node.Op.(*LpPool)
		if a.P < 1 {
			return ir.Unsupported("p", a.P)
		}
		out, err := a.sliding().pooled(c.Shape(0), a.KernelShape)
		c.SetShape(0, out)
		return err
	},
	Eval: floatEval(lpPoolOf[float32], lpPoolOf[float64]),
	Grad: backward(gradLpPool),
}

// Window resolves the window for the spatial sizes of X.
func (a *LpPool) Window(in []int) (Window, error) { return a.sliding().resolve(in, a.KernelShape) }

func (a *LpPool) sliding() sliding {
	return sliding{autoPad: a.AutoPad, pads: a.Pads, strides: a.Strides, dilations: a.Dilations, ceil: a.CeilMode}
}

// upgradeNormOrder turns the p of opset 1, a float, into an integer.
func upgradeNormOrder(l *ir.Legacy) error {
	if l.Opset > 1 {
		return nil
	}
	p, ok, err := l.TakeFloat("p")
	if err != nil || !ok {
		return err
	}
	if p != float32(int(p)) {
		return ir.Unsupported("p", p)
	}
	l.Set("p", int(p))
	return nil
}

func lpPoolOf[T tensor.Float](c *ir.EvalCtx) error {
	a := c.Op.(*LpPool)
	y, win, err := poolOutput(c, a.sliding(), a.KernelShape)
	if err != nil || y.Len() == 0 {
		return err
	}
	src, dst := tensor.Data[T](c.In[0]), tensor.Data[T](y)
	inPlane, outPlane := product(win.In), product(win.Out)
	win.each(c, func(pos int, taps []tap) {
		for p := range len(dst) / outPlane {
			c.Spend(len(taps))
			plane, norm := src[p*inPlane:][:inPlane], lpNorm{p: a.P}
			for _, t := range taps {
				norm.add(float64(plane[t.in]))
			}
			dst[p*outPlane+pos] = T(norm.value())
		}
	})
	return nil
}

// lpNorm accumulates a p-norm.
type lpNorm struct {
	p   int
	sum float64
}

func (n *lpNorm) add(v float64) {
	switch n.p {
	case 1:
		n.sum += math.Abs(v)
	case 2:
		n.sum += v * v
	default:
		n.sum += math.Pow(math.Abs(v), float64(n.p))
	}
}

func (n *lpNorm) value() float64 {
	switch n.p {
	case 1:
		return n.sum
	case 2:
		return math.Sqrt(n.sum)
	default:
		return math.Pow(n.sum, 1/float64(n.p))
	}
}

func gradLpPool(g *gradient) {
	g.give(0, g.do(&LpPoolGrad{*g.Node.Op.(*LpPool)}, g.Of(0), g.In(0)))
}
