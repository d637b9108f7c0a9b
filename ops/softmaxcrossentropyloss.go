package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// SoftmaxCrossEntropyLoss is NegativeLogLikelihoodLoss of the log-softmax over the channels of scores, N×C×…, which is
// the second output.
type SoftmaxCrossEntropyLoss struct {
	IgnoreIndex *int   `attr:"ignore_index"`
	Reduction   string `attr:"reduction,default=mean,oneof=none|sum|mean"`
}

func (*SoftmaxCrossEntropyLoss) Def() *ir.Def { return softmaxCrossEntropyLoss }

var softmaxCrossEntropyLoss = &ir.Def{
	Name: "SoftmaxCrossEntropyLoss", Doc: "cross entropy of the softmax with classes", Since: []int{12, 13},
	New: func() ir.Op { return ir.New[SoftmaxCrossEntropyLoss]() },
	Ins: []ir.Param{{Name: "scores", Type: "T"}, {Name: "labels", Type: "Tind"},
		{Name: "weights", Type: "T", Kind: ir.Optional}},
	Outs:  []ir.Param{{Name: "output", Type: "T"}, {Name: "log_prob", Type: "T", Kind: ir.Optional}},
	Types: map[string]ir.TypeSet{"T": floatTypes, "Tind": indexTypes},
	Infer: func(c *ir.InferCtx) error {
		a := c.Node.Op.(*SoftmaxCrossEntropyLoss)
		out, err := classLoss{a.IgnoreIndex, a.Reduction}.shape(c.Shape(0), c.Shape(1), c.Shape(2))
		c.SetShape(0, out)
		c.SetShape(1, c.Shape(0))
		return err
	},
	Eval: evalSoftmaxCrossEntropyLoss,
	Grad: backward(gradSoftmaxCrossEntropyLoss),
}

func evalSoftmaxCrossEntropyLoss(c *ir.EvalCtx) error {
	a := c.Op.(*SoftmaxCrossEntropyLoss)
	if err := checkChannels(shapeOf(c, 0)); err != nil {
		return err
	}
	shape := c.In[0].Shape()
	s := &scratch{c: c}
	p := logSoftmaxChannels(s, s.wide(c.In[0]), shape[1], product(shape[2:]))
	if s.err != nil {
		return s.err
	}
	if err := (classLoss{a.IgnoreIndex, a.Reduction}).eval(c, p); err != nil {
		return err
	}
	if !c.Wants(1) {
		return nil
	}
	return outputFloat64(c, 1, c.In[0].DType(), p, shape)
}

// logSoftmaxChannels is x - log Σ exp x, the sum over the channels, whose planes lie apart.
func logSoftmaxChannels(s *scratch, x []float64, channels, plane int) []float64 {
	y := s.floats(len(x))
	if s.err != nil {
		return nil
	}
	for base := 0; base < len(x); base += channels * plane {
		for i := base; i < base+plane; i++ {
			greatest, sum := math.Inf(-1), 0.0
			for j := i; j < base+channels*plane; j += plane {
				greatest = max(greatest, x[j])
			}
			for j := i; j < base+channels*plane; j += plane {
				sum += math.Exp(x[j] - greatest)
			}
			for j := i; j < base+channels*plane; j += plane {
				y[j] = x[j] - greatest - math.Log(sum)
			}
		}
	}
	return y
}

func gradSoftmaxCrossEntropyLoss(g *gradient) {
	a, x := g.Node.Op.(*SoftmaxCrossEntropyLoss), g.In(0)
	if g.Wants(2) {
		g.fail("input 2 (weights) has no gradient")
	}
	dp, p := g.Of(1), g.Out(1)
	if dl := g.Of(0); dl != nil {
		loss := g.do(&ClassLossGrad{a.IgnoreIndex, a.Reduction}, dl, g.shape(x), g.In(1), g.In(2))
		if dp != nil {
			loss = g.do(&Add{}, loss, dp)
		}
		dp = loss
	}
	if p == nil {
		p = g.do(&LogSoftmax{Axis: 1}, x)
	}
	g.give(0, g.throughLogSoftmax(dp, p, 1))
}
