package ops

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// GlobalAveragePool is the mean over all spatial dimensions, which become 1.
type GlobalAveragePool struct{}

func (*GlobalAveragePool) Def() *ir.Def { return globalAveragePool }

var globalAveragePool = &ir.Def{
	Name: "GlobalAveragePool", Family: ir.Pooling, Doc: "mean over all spatial dimensions", Since: []int{1, 22},
	New:   func() ir.Op { return ir.New[GlobalAveragePool]() },
	Ins:   []ir.Param{{Name: "X", Type: "T"}},
	Outs:  []ir.Param{{Name: "Y", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": floatTypes},
	Infer: globalPooled,
	Eval:  floatEval(globalAveragePoolOf[float32], globalAveragePoolOf[float64]),
	Grad:  backward(gradGlobalAveragePool),
}

func globalAveragePoolOf[T tensor.Float](c *ir.EvalCtx) error {
	return poolPlanes(c, func(plane []T) T {
		sum := 0.0
		for _, v := range plane {
			sum += float64(v)
		}
		return T(sum / float64(len(plane)))
	})
}

func gradGlobalAveragePool(g *gradient) {
	g.give(0, g.stretch(g.div(g.Of(0), g.perResult(g.In(0))), g.In(0)))
}
