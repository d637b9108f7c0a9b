package ops

import (
	"fmt"
	"math"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// ClipScale is the factor by which an update multiplies all gradients. It is the greatest number up to 1 that brings
// the norm of all gradients together down to Limit (Pascanu, Mikolov and Bengio 2013), and 1 where Limit is 0. Where
// the loss is not finite, or with a Limit a gradient is not, it is NaN, which makes the update change nothing.
type ClipScale struct {
	Limit float32 `attr:"limit"`
}

func (*ClipScale) Def() *ir.Def { return clipScale }

var clipScale = &ir.Def{
	Name: "ClipScale", Domain: fusedDomain, Doc: "what gradients are multiplied by to bound their norm", Since: []int{1},
	New:   func() ir.Op { return ir.New[ClipScale]() },
	Ins:   []ir.Param{{Name: "loss", Type: "T"}, {Name: "gradients", Type: "T", Kind: ir.VariadicAny}},
	Outs:  []ir.Param{{Name: "scale", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": floatTypes},
	Infer: func(c *ir.InferCtx) error {
		if s := c.Shape(0); s != nil && differ(s.Count(), ir.Known(1)) {
			return fmt.Errorf("input 0 has shape %v, expects a scalar", s)
		}
		c.SetShape(0, ir.Shape{})
		return nil
	},
	Eval: func(c *ir.EvalCtx) error {
		if c.In[0].Len() != 1 {
			return fmt.Errorf("input 0 has shape %v, expects a scalar", c.In[0].Shape())
		}
		limit, scale := float64(c.Op.(*ClipScale).Limit), 1.0
		if loss := asFloat64(c.In[0])[0]; math.IsNaN(loss) || math.IsInf(loss, 0) {
			scale = math.NaN()
		} else if limit > 0 {
			s := &scratch{c: c}
			scale = min(1, limit/(s.norm(c.In[1:])+1e-6))
			if s.err != nil {
				return s.err
			}
			if scale == 0 { // an infinite norm
				scale = math.NaN()
			}
		}
		return outputFloat64(c, 0, c.In[0].DType(), []float64{scale}, []int{})
	},
}

// norm is the Euclidean norm of the elements of all tensors.
func (s *scratch) norm(tensors []*tensor.Tensor) float64 {
	sum := 0.0
	for _, t := range tensors {
		for _, v := range s.wide(t) {
			sum += v * v
		}
	}
	return math.Sqrt(sum)
}
