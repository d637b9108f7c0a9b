package ops

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
)

// ClassLossGrad is the gradient of a NegativeLogLikelihoodLoss with these attributes by its first input, the logarithms
// of probabilities: computed from dL, the gradient of the loss, the shape of that input, and the other inputs.
type ClassLossGrad struct {
	IgnoreIndex *int   `attr:"ignore_index"`
	Reduction   string `attr:"reduction,default=mean,oneof=none|sum|mean"`
}

func (*ClassLossGrad) Def() *ir.Def { return classLossGrad }

var classLossGrad = &ir.Def{
	Name: "ClassLossGrad", Domain: fusedDomain, Doc: "gradient of a negative log likelihood", Since: []int{1},
	New: func() ir.Op { return ir.New[ClassLossGrad]() },
	Ins: []ir.Param{{Name: "dL", Type: "T"}, {Name: "shape", Type: "int64"}, {Name: "labels", Type: "Tind"},
		{Name: "weights", Type: "T", Kind: ir.Optional}},
	Outs:  []ir.Param{{Name: "dP", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": floatTypes, "Tind": indexTypes},
	Infer: func(c *ir.InferCtx) error {
		p, err := statedShape(c, 1)
		if err != nil {
			return err
		}
		c.SetShape(0, p)
		a := c.Node.Op.(*ClassLossGrad)
		loss, err := classLoss{a.IgnoreIndex, a.Reduction}.shape(p, c.Shape(2), c.Shape(3))
		if err != nil {
			return err
		}
		return checkGradient(c.Shape(0), loss)
	},
	Eval: evalClassLossGrad,
}

func evalClassLossGrad(c *ir.EvalCtx) error {
	a := c.Op.(*ClassLossGrad)
	out, err := statedOutput(c, 1)
	if err != nil {
		return err
	}
	loss, err := classLoss{a.IgnoreIndex, a.Reduction}.shape(ir.Dims(out.Shape()...), shapeOf(c, 2), shapeOf(c, 3))
	if err != nil {
		return err
	}
	if err := checkGradient(shapeOf(c, 0), loss); err != nil {
		return err
	}
	channels, plane := out.Dim(1), product(out.Shape()[2:])
	s := &scratch{c: c}
	classes, total := s.ints(c.In[2]), 0.0
	dl, weight, dp := s.wide(c.In[0]), s.wide(c.Input(3)), s.floats(out.Len())
	if s.err != nil {
		return s.err
	}
	weightOf := func(class int) float64 {
		switch {
		case a.IgnoreIndex != nil && class == *a.IgnoreIndex:
			return 0
		case weight == nil:
			return 1
		}
		return weight[class]
	}
	for _, class := range classes {
		if (class < 0 || class >= channels) && (a.IgnoreIndex == nil || class != *a.IgnoreIndex) {
			return fmt.Errorf("class %d is outside of the %d classes", class, channels)
		}
		total += weightOf(class)
	}
	for i, class := range classes {
		w := weightOf(class)
		if w == 0 {
			continue
		}
		if a.Reduction == "mean" {
			w /= total
		}
		dp[(i/plane*channels+class)*plane+i%plane] = -w * dl[i%len(dl)]
	}
	return outputFloat64(c, 0, out.DType(), dp, out.Shape())
}
