package ops

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// GlobalLpPool is the P-norm, (Σ|x|^P)^(1/P), over all spatial dimensions, which become 1.
type GlobalLpPool struct {
	P int `attr:"p,default=2"`
}

func (*GlobalLpPool) Def() *ir.Def { return globalLpPool }

var globalLpPool = &ir.Def{
	Name: "GlobalLpPool", Family: ir.Pooling, Doc: "p-norm over all spatial dimensions", Since: []int{1, 2, 22},
	New:     func() ir.Op { return ir.New[GlobalLpPool]() },
	Ins:     []ir.Param{{Name: "X", Type: "T"}},
	Outs:    []ir.Param{{Name: "Y", Type: "T"}},
	Types:   map[string]ir.TypeSet{"T": floatTypes},
	Upgrade: upgradeNormOrder,
	Infer: func(c *ir.InferCtx) error {
		if p := c.Node.Op.(*GlobalLpPool).P; p < 1 {
			return ir.Unsupported("p", p)
		}
		return globalPooled(c)
	},
	Eval: floatEval(globalLpPoolOf[float32], globalLpPoolOf[float64]),
	Grad: backward(gradGlobalLpPool),
}

func globalLpPoolOf[T tensor.Float](c *ir.EvalCtx) error {
	p := c.Op.(*GlobalLpPool).P
	return poolPlanes(c, func(plane []T) T {
		norm := lpNorm{p: p}
		for _, v := range plane {
			norm.add(float64(v))
		}
		return T(norm.value())
	})
}

func gradGlobalLpPool(g *gradient) {
	x, y, dy := g.In(0), g.Out(0), g.Of(0)
	slope := g.do(&Sign{}, x)
	switch p := g.Node.Op.(*GlobalLpPool).P; p {
	case 1:
		g.give(0, g.mul(dy, slope))
	case 2:
		g.give(0, g.throughL2(x, y, dy))
	default:
		some := g.do(&Where{}, g.do(&Equal{}, y, g.number(y, 0)), g.number(y, 1), y)
		power := g.do(&Pow{}, g.div(g.do(&Abs{}, x), some), g.number(x, float64(p-1)))
		g.give(0, g.mul(dy, g.mul(slope, power)))
	}
}
