package ops

import "github.com/onnxrun/onnxrun/ir"

// NegativeLogLikelihoodLoss is -weight[target]·input[target], input N×C×… being logarithms of probabilities and target
// N×… classes; where the class is IgnoreIndex the loss is 0. The mean is weighted.
type NegativeLogLikelihoodLoss struct {
	IgnoreIndex *int   `attr:"ignore_index"`
	Reduction   string `attr:"reduction,default=mean,oneof=none|sum|mean"`
}

func (*NegativeLogLikelihoodLoss) Def() *ir.Def { return negativeLogLikelihoodLoss }

var negativeLogLikelihoodLoss = &ir.Def{
	Name: "NegativeLogLikelihoodLoss", Doc: "negative log likelihood of classes", Since: []int{12, 13, 22},
	New: func() ir.Op { return ir.New[NegativeLogLikelihoodLoss]() },
	Ins: []ir.Param{{Name: "input", Type: "T"}, {Name: "target", Type: "Tind"},
		{Name: "weight", Type: "T", Kind: ir.Optional}},
	Outs:  []ir.Param{{Name: "loss", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": floatTypes, "Tind": indexTypes},
	Infer: func(c *ir.InferCtx) error {
		a := c.Node.Op.(*NegativeLogLikelihoodLoss)
		out, err := classLoss{a.IgnoreIndex, a.Reduction}.shape(c.Shape(0), c.Shape(1), c.Shape(2))
		c.SetShape(0, out)
		return err
	},
	Eval: func(c *ir.EvalCtx) error {
		a := c.Op.(*NegativeLogLikelihoodLoss)
		s := &scratch{c: c}
		p := s.wide(c.In[0])
		if s.err != nil {
			return s.err
		}
		return classLoss{a.IgnoreIndex, a.Reduction}.eval(c, p)
	},
	Grad: backward(gradNegativeLogLikelihoodLoss),
}

func gradNegativeLogLikelihoodLoss(g *gradient) {
	a := g.Node.Op.(*NegativeLogLikelihoodLoss)
	if g.Wants(2) {
		g.fail("input 2 (weight) has no gradient")
	}
	g.give(0, g.do(&ClassLossGrad{a.IgnoreIndex, a.Reduction}, g.Of(0), g.shape(g.In(0)), g.In(1), g.In(2)))
}
