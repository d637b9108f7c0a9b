package ops

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// LpNormalization divides by the P-norm along Axis; where that is 0, the result is 0.
type LpNormalization struct {
	Axis int `attr:"axis,default=-1"`
	P    int `attr:"p,default=2,oneof=1|2"`
}

func (*LpNormalization) Def() *ir.Def { return lpNormalization }

var lpNormalization = &ir.Def{
	Name: "LpNormalization", Family: ir.Normalization, Doc: "division by the p-norm along an axis", Since: []int{1, 22},
	New:   func() ir.Op { return ir.New[LpNormalization]() },
	Ins:   []ir.Param{{Name: "input", Type: "T"}},
	Outs:  []ir.Param{{Name: "output", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": floatTypes},
	Infer: func(c *ir.InferCtx) error {
		a := c.Node.Op.(*LpNormalization)
		if a.P != 1 && a.P != 2 {
			return ir.Unsupported("p", a.P)
		}
		if x := c.Shape(0); x != nil {
			if _, err := axisOf(a.Axis, len(x)); err != nil {
				return &ir.AttrError{Attr: "axis", Msg: err.Error()}
			}
		}
		return sameShape(c)
	},
	Eval: floatEval(lpNormalizationOf[float32], lpNormalizationOf[float64]),
}

func lpNormalizationOf[T tensor.Float](c *ir.EvalCtx) error {
	a := c.Op.(*LpNormalization)
	shape := c.In[0].Shape()
	axis, err := axisOf(a.Axis, len(shape))
	if err != nil {
		return err
	}
	out, err := c.Output(0, c.In[0].DType(), shape...)
	if err != nil || out.Len() == 0 {
		return err
	}
	x, y := tensor.Data[T](c.In[0]), tensor.Data[T](out)
	n, inner := shape[axis], product(shape[axis+1:])
	for base := 0; base < len(x); base += n * inner {
		for i := base; i < base+inner; i++ {
			norm := lpNorm{p: a.P}
			for j := i; j < base+n*inner; j += inner {
				norm.add(float64(x[j]))
			}
			if norm.sum == 0 {
				continue
			}
			for j := i; j < base+n*inner; j += inner {
				y[j] = T(float64(x[j]) / norm.value())
			}
		}
	}
	return nil
}
