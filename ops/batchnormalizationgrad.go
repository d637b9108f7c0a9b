package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// BatchNormalizationGrad is the gradients of a BatchNormalization in training mode by its inputs X, scale and B:
// computed from dY, the gradient of its output (Ioffe and Szegedy 2015, section 3).
type BatchNormalizationGrad struct {
	Epsilon float32 `attr:"epsilon,default=1e-5"`
}

func (*BatchNormalizationGrad) Def() *ir.Def { return batchNormalizationGrad }

var batchNormalizationGrad = &ir.Def{
	Name: "BatchNormalizationGrad", Family: ir.Normalization, Domain: fusedDomain, Doc: "gradients of normalization by the batch's statistics", Since: []int{1},
	New:   func() ir.Op { return ir.New[BatchNormalizationGrad]() },
	Ins:   []ir.Param{{Name: "dY", Type: "T"}, {Name: "X", Type: "T"}, {Name: "scale", Type: "T1"}},
	Outs:  []ir.Param{{Name: "dX", Type: "T"}, {Name: "dscale", Type: "T1"}, {Name: "dB", Type: "T1"}},
	Types: map[string]ir.TypeSet{"T": floatTypes, "T1": floatTypes},
	Infer: func(c *ir.InferCtx) error {
		channels, err := batchNormChannels(c.Shape(1), c.Shape(2))
		if err != nil {
			return err
		}
		c.SetShape(0, c.Shape(1))
		c.SetShape(1, ir.Shape{channels})
		c.SetShape(2, ir.Shape{channels})
		return checkGradient(c.Shape(0), c.Shape(1))
	},
	Eval: evalBatchNormalizationGrad,
}

// evalBatchNormalizationGrad computes, with h = (x - mean)/deviation and the means over a channel's elements,
// scale/deviation·(dy - mean(dy) - h·mean(dy·h)).
func evalBatchNormalizationGrad(c *ir.EvalCtx) error {
	channels, err := batchNormChannels(shapeOf(c, 1), shapeOf(c, 2))
	if err != nil {
		return err
	}
	if err := checkGradient(shapeOf(c, 0), shapeOf(c, 1)); err != nil {
		return err
	}
	s := &scratch{c: c}
	dy, x, scale := s.wide(c.In[0]), s.wide(c.In[1]), s.wide(c.In[2])
	plane := 1
	if c.In[1].Rank() > 2 {
		plane = product(c.In[1].Shape()[2:])
	}
	mean, variance := channelMoments(s, x, channels.N, plane)
	inverse := s.floats(channels.N)
	dscale, dbias, dx := s.floats(channels.N), s.floats(channels.N), s.floats(len(x))
	if s.err != nil {
		return s.err
	}
	for ch, v := range variance {
		inverse[ch] = 1 / math.Sqrt(v+float64(c.Op.(*BatchNormalizationGrad).Epsilon))
	}
	for i, g := range dy {
		ch := i / plane % channels.N
		dbias[ch] += g
		dscale[ch] += g * (x[i] - mean[ch]) * inverse[ch]
	}
	count := float64(len(x)) / float64(max(channels.N, 1))
	for i, g := range dy {
		ch := i / plane % channels.N
		h := (x[i] - mean[ch]) * inverse[ch]
		dx[i] = scale[ch] * inverse[ch] * (g - dbias[ch]/count - h*dscale[ch]/count)
	}
	if err := outputFloat64(c, 0, c.In[1].DType(), dx, c.In[1].Shape()); err != nil {
		return err
	}
	if err := outputFloat64(c, 1, c.In[2].DType(), dscale, []int{channels.N}); err != nil {
		return err
	}
	return outputFloat64(c, 2, c.In[2].DType(), dbias, []int{channels.N})
}
