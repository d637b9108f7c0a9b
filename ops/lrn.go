package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// LRN is local response normalization across channels (Krizhevsky et al. 2012, section 3.3): each element of X,
// N×C×…, is divided by (Bias + Alpha/Size·Σx²)^Beta, summed over Size channels around its own.
type LRN struct {
	Alpha float32 `attr:"alpha,default=0.0001"`
	Beta  float32 `attr:"beta,default=0.75"`
	Bias  float32 `attr:"bias,default=1"`
	Size  int     `attr:"size,required"`
}

func (*LRN) Def() *ir.Def { return lrn }

var lrn = &ir.Def{
	Name: "LRN", Family: ir.Normalization, Doc: "local response normalization across channels", Since: []int{1, 13},
	New:   func() ir.Op { return ir.New[LRN]() },
	Ins:   []ir.Param{{Name: "X", Type: "T"}},
	Outs:  []ir.Param{{Name: "Y", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": floatTypes},
	Infer: inferLRN,
	Eval:  floatEval(lrnOf[float32], lrnOf[float64]),
	Grad:  backward(gradLRN),
}

func inferLRN(c *ir.InferCtx) error {
	if size := c.Node.Op.(*LRN).Size; size < 1 || size > maxWindowSize {
		return ir.Unsupported("size", size)
	}
	if err := checkChannels(c.Shape(0)); err != nil {
		return err
	}
	return sameShape(c)
}

// Span is the range of channels, out of channels, that the sum for channel c covers.
func (a *LRN) Span(c, channels int) (from, to int) {
	return max(c-(a.Size-1)/2, 0), min(c+a.Size/2+1, channels)
}

func lrnOf[T tensor.Float](c *ir.EvalCtx) error {
	a := c.Op.(*LRN)
	shape := c.In[0].Shape()
	if err := checkChannels(ir.Dims(shape...)); err != nil {
		return err
	}
	out, err := c.Output(0, c.In[0].DType(), shape...)
	if err != nil || out.Len() == 0 {
		return err
	}
	channels, plane := shape[1], product(shape[2:])
	alpha := float64(a.Alpha) / float64(a.Size)
	x, y := tensor.Data[T](c.In[0]), tensor.Data[T](out)
	sums, err := ir.Scratch[float64](c, plane)
	if err != nil {
		return err
	}
	for base := 0; base < len(x); base += channels * plane {
		for ch := range channels {
			clear(sums)
			from, to := a.Span(ch, channels)
			for near := from; near < to; near++ {
				c.Spend(plane)
				for i, v := range x[base+near*plane:][:plane] {
					sums[i] += float64(v) * float64(v)
				}
			}
			at := base + ch*plane
			for i, v := range x[at:][:plane] {
				y[at+i] = T(float64(v) * math.Pow(float64(a.Bias)+alpha*sums[i], -float64(a.Beta)))
			}
		}
	}
	return nil
}

func gradLRN(g *gradient) { g.give(0, g.do(&LRNGrad{*g.Node.Op.(*LRN)}, g.Of(0), g.In(0))) }
