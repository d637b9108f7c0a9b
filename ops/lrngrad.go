package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// LRNGrad is the gradient of an LRN with these attributes by its input X: computed from dY, the gradient of its output.
type LRNGrad struct{ LRN }

func (*LRNGrad) Def() *ir.Def { return lrnGrad }

var lrnGrad = &ir.Def{
	Name: "LRNGrad", Domain: fusedDomain, Doc: "gradient of local response normalization", Since: []int{1},
	New:   func() ir.Op { return ir.New[LRNGrad]() },
	Ins:   []ir.Param{{Name: "dY", Type: "T"}, {Name: "X", Type: "T"}},
	Outs:  []ir.Param{{Name: "dX", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": floatTypes},
	Infer: func(c *ir.InferCtx) error {
		if size := c.Node.Op.(*LRNGrad).Size; size < 1 || size > maxWindowSize {
			return ir.Unsupported("size", size)
		}
		x := c.Shape(1)
		c.SetShape(0, x)
		if err := checkChannels(x); err != nil {
			return err
		}
		return checkGradient(c.Shape(0), x)
	},
	Eval: floatEval(lrnGradOf[float32], lrnGradOf[float64]),
}

// lrnGradOf computes dy·d^-β - 2·α/size·β·x·Σ dy·x·d^(-β-1), where d is the sum whose power an element is divided by,
// and Σ goes over the channels whose d the element is part of.
func lrnGradOf[T tensor.Float](c *ir.EvalCtx) error {
	a := c.Op.(*LRNGrad)
	shape := c.In[1].Shape()
	if err := checkChannels(ir.Dims(shape...)); err != nil {
		return err
	}
	if err := checkGradient(shapeOf(c, 0), shapeOf(c, 1)); err != nil {
		return err
	}
	out, err := c.Output(0, c.In[1].DType(), shape...)
	if err != nil || out.Len() == 0 {
		return err
	}
	channels, plane := shape[1], product(shape[2:])
	alpha, beta := float64(a.Alpha)/float64(a.Size), float64(a.Beta)
	dy, x, dx := tensor.Data[T](c.In[0]), tensor.Data[T](c.In[1]), tensor.Data[T](out)
	s := &scratch{c: c}
	sums, lanes := s.floats(channels), s.floats(channels)
	if s.err != nil {
		return s.err
	}
	for base := 0; base < len(x); base += channels * plane {
		for at := base; at < base+plane; at++ {
			clear(lanes)
			for ch := range channels {
				sums[ch] = float64(a.Bias)
				from, to := a.Span(ch, channels)
				for near := from; near < to; near++ {
					v := float64(x[at+near*plane])
					sums[ch] += alpha * v * v
				}
				back := float64(dy[at+ch*plane]) * float64(x[at+ch*plane]) * math.Pow(sums[ch], -beta-1)
				for near := from; near < to; near++ {
					lanes[near] += back
				}
			}
			for ch := range channels {
				i := at + ch*plane
				dx[i] = T(float64(dy[i])*math.Pow(sums[ch], -beta) - 2*alpha*beta*float64(x[i])*lanes[ch])
			}
		}
	}
	return nil
}
