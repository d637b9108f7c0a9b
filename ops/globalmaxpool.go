package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// GlobalMaxPool is the greatest element over all spatial dimensions, which become 1. NaN wins.
type GlobalMaxPool struct{}

func (*GlobalMaxPool) Def() *ir.Def { return globalMaxPool }

var globalMaxPool = &ir.Def{
	Name: "GlobalMaxPool", Family: ir.Pooling, Doc: "maximum over all spatial dimensions", Since: []int{1, 22},
	New:   func() ir.Op { return ir.New[GlobalMaxPool]() },
	Ins:   []ir.Param{{Name: "X", Type: "T"}},
	Outs:  []ir.Param{{Name: "Y", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": floatTypes},
	Infer: globalPooled,
	Eval:  floatEval(globalMaxPoolOf[float32], globalMaxPoolOf[float64]),
	Grad:  backward(gradGlobalMaxPool),
}

func globalMaxPoolOf[T tensor.Float](c *ir.EvalCtx) error {
	return poolPlanes(c, func(plane []T) T {
		best := T(math.Inf(-1))
		for _, v := range plane {
			best = max(best, v)
		}
		return best
	})
}

// gradGlobalMaxPool lets elements that are equal share the gradient.
func gradGlobalMaxPool(g *gradient) {
	x := g.In(0)
	won := g.cast(g.do(&Equal{}, x, g.Out(0)), x)
	axes := indexRange(make([]struct{}, g.rank(x)))
	if g.err == nil {
		g.give(0, g.mul(won, g.div(g.Of(0), g.sum(won, true, axes[2:]...))))
	}
}
