package ops

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// InstanceNormalization is scale·(x - mean)/sqrt(variance + Epsilon) + B per image and channel of N×C×….
type InstanceNormalization struct {
	Epsilon float32 `attr:"epsilon,default=1e-5"`
}

func (*InstanceNormalization) Def() *ir.Def { return instanceNormalization }

var instanceNormalization = &ir.Def{
	Name: "InstanceNormalization", Family: ir.Normalization, Doc: "normalization per image and channel", Since: []int{1, 6, 22},
	New:     func() ir.Op { return ir.New[InstanceNormalization]() },
	Ins:     []ir.Param{{Name: "input", Type: "T"}, {Name: "scale", Type: "T"}, {Name: "B", Type: "T"}},
	Outs:    []ir.Param{{Name: "output", Type: "T"}},
	Types:   map[string]ir.TypeSet{"T": floatTypes},
	Upgrade: dropConsumedInputs,
	Infer: func(c *ir.InferCtx) error {
		c.SetShape(0, c.Shape(0))
		return checkChannelVectors(c.Shape(0), [2]string{"scale", "B"}, c.Shape(1), c.Shape(2))
	},
	Eval: floatEval(instanceNormOf[float32], instanceNormOf[float64]),
	Grad: backward(gradInstanceNormalization),
}

func instanceNormOf[T tensor.Float](c *ir.EvalCtx) error {
	shape := c.In[0].Shape()
	if err := checkChannelVectors(shapeOf(c, 0), [2]string{"scale", "B"}, shapeOf(c, 1), shapeOf(c, 2)); err != nil {
		return err
	}
	return normalizeGroups[T](c, shape[0]*shape[1], c.Op.(*InstanceNormalization).Epsilon)
}

// normalizeGroups standardizes each of the equal parts that input 0 has, then scales by input 1 and adds input 2 per
// channel.
func normalizeGroups[T tensor.Float](c *ir.EvalCtx, parts int, epsilon float32) error {
	out, err := c.Output(0, c.In[0].DType(), c.In[0].Shape()...)
	if err != nil || out.Len() == 0 {
		return err
	}
	x, y := tensor.Data[T](c.In[0]), tensor.Data[T](out)
	n := len(x) / parts
	for i := range parts {
		c.Spend(2 * n)
		standardize(y[i*n:][:n], x[i*n:][:n], epsilon)
	}
	scaleChannels(y, tensor.Data[T](c.In[1]), tensor.Data[T](c.In[2]), product(c.In[0].Shape()[2:]))
	return nil
}

func gradInstanceNormalization(g *gradient) {
	axes := indexRange(make([]struct{}, g.rank(g.In(0))))
	if g.err == nil {
		g.normalized(g.In(0), g.Of(0), axes[2:], g.Node.Op.(*InstanceNormalization).Epsilon)
	}
}

// normalized gives the gradients of a normalization over axes of x, which is input 0 in some shape, whose result is scaled
// and shifted per channel by inputs 1 and 2.
func (g *gradient) normalized(x, dy *ir.Value, axes []int, epsilon float32) {
	scaled := g.mul(dy, g.channelwise(g.In(1), g.In(0)))
	dx, h := g.standardize(g.likewise(scaled, x), x, axes, epsilon)
	g.give(0, g.likewise(dx, g.In(0)))
	if g.Wants(1) {
		g.give(1, g.perChannel(g.mul(dy, g.likewise(h, g.In(0)))))
	}
	if g.Wants(2) {
		g.give(2, g.perChannel(dy))
	}
}
