package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// MeanVarianceNormalization is (x - mean)/(deviation + 1e-9), mean and standard deviation over Axes.
type MeanVarianceNormalization struct {
	Axes []int `attr:"axes"` // nil: 0, 2 and 3
}

func (*MeanVarianceNormalization) Def() *ir.Def { return meanVarianceNormalization }

var meanVarianceNormalization = &ir.Def{
	Name: "MeanVarianceNormalization", Family: ir.Normalization, Doc: "mean 0 and variance 1 over axes", Since: []int{9, 13},
	New:   func() ir.Op { return ir.New[MeanVarianceNormalization]() },
	Ins:   []ir.Param{{Name: "X", Type: "T"}},
	Outs:  []ir.Param{{Name: "Y", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": floatTypes},
	Infer: func(c *ir.InferCtx) error {
		if x := c.Shape(0); x != nil {
			if _, err := c.Node.Op.(*MeanVarianceNormalization).axes(len(x)); err != nil {
				return &ir.AttrError{Attr: "axes", Msg: err.Error()}
			}
		}
		return sameShape(c)
	},
	Eval: floatEval(meanVarianceOf[float32], meanVarianceOf[float64]),
}

func (a *MeanVarianceNormalization) axes(rank int) ([]int, error) {
	if a.Axes == nil {
		return axesOf([]int{0, 2, 3}, rank)
	}
	return axesOf(a.Axes, rank)
}

func meanVarianceOf[T tensor.Float](c *ir.EvalCtx) error {
	shape := c.In[0].Shape()
	axes, err := c.Op.(*MeanVarianceNormalization).axes(len(shape))
	if err != nil {
		return err
	}
	out, err := c.Output(0, c.In[0].DType(), shape...)
	if err != nil || out.Len() == 0 {
		return err
	}
	kept := append([]int{}, shape...)
	for _, a := range axes {
		kept[a] = 1
	}
	group := [][]int{broadcastStrides(kept, shape)}
	x, y := tensor.Data[T](c.In[0]), tensor.Data[T](out)
	groups := product(kept)
	s := &scratch{c: c}
	mean, deviation, count := s.floats(groups), s.floats(groups), float64(len(x)/groups)
	if s.err != nil {
		return s.err
	}
	eachOffset(shape, group, func(i int, g []int) { mean[g[0]] += float64(x[i]) / count })
	eachOffset(shape, group, func(i int, g []int) {
		d := float64(x[i]) - mean[g[0]]
		deviation[g[0]] += d * d / count
	})
	for g, v := range deviation {
		deviation[g] = math.Sqrt(v)
	}
	eachOffset(shape, group, func(i int, g []int) { y[i] = T((float64(x[i]) - mean[g[0]]) / (deviation[g[0]] + 1e-9)) })
	return nil
}
