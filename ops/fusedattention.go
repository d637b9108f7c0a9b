package ops

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// FusedAttention is softmax(Scale·q·kᵀ)·v for each of Heads heads of each image (Vaswani et al. 2017). X is N×T×3C: q, k and
// v of C channels side by side, those of a head together within each; Y is N×T×C. With TimeFirst both are T×N×….
type FusedAttention struct {
	Heads     int     `attr:"heads,required"`
	Scale     float32 `attr:"scale,required"`
	TimeFirst bool    `attr:"time_first"`
}

func (*FusedAttention) Def() *ir.Def { return fusedAttention }

var fusedAttention = &ir.Def{
	Name: "FusedAttention", Domain: fusedDomain, Doc: "attention of all heads, from queries, keys and values side by side", Since: []int{1},
	New:   func() ir.Op { return ir.New[FusedAttention]() },
	Ins:   []ir.Param{{Name: "X", Type: "T"}},
	Outs:  []ir.Param{{Name: "Y", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": floatTypes},

	Downgrade: unfuseAttention,
	Infer: func(c *ir.InferCtx) error {
		out, err := c.Node.Op.(*FusedAttention).shape(c.Shape(0))
		c.SetShape(0, out)
		return err
	},
	Eval: evalFusedAttention,
	MACs: func(n *ir.Node) int64 {
		y := n.Out(0).Type().Shape
		if len(y) != 3 {
			return 0
		}
		time := y[1]
		if n.Op.(*FusedAttention).TimeFirst {
			time = y[0]
		}
		return 2 * knownCount(y.Count().Mul(time))
	},
}

// shape is the shape of the output.
func (a *FusedAttention) shape(x ir.Shape) (ir.Shape, error) {
	if a.Heads < 1 || a.Heads > maxWindowSize {
		return nil, &ir.AttrError{Attr: "heads", Msg: fmt.Sprintf("is %d, must be positive", a.Heads)}
	}
	if x == nil {
		return nil, nil
	}
	if len(x) != 3 {
		return nil, fmt.Errorf("input has shape %v, expects 3 dimensions", x)
	}
	if !x[2].IsKnown() {
		return ir.Shape{x[0], x[1], ir.UnknownDim}, nil
	}
	if x[2].N%(3*a.Heads) != 0 {
		return nil, fmt.Errorf("input has %v channels, expects a multiple of 3·%d heads", x[2], a.Heads)
	}
	return ir.Shape{x[0], x[1], ir.Known(x[2].N / 3)}, nil
}

// unfuseAttention builds the parts: queries, keys and values of all heads, their products and the softmax between.
func unfuseAttention(l *ir.Legacy) error {
	a, s := l.Node.Op.(*FusedAttention), &steps{l: l}
	apart, together := []int{2, 0, 3, 1, 4}, []int{0, 2, 1, 3}
	if a.TimeFirst {
		apart, together = []int{2, 1, 3, 0, 4}, []int{2, 0, 1, 3}
	}
	x := s.do(ir.New[Reshape](), l.In(0), l.Ints(0, 0, 3, a.Heads, -1))
	x = s.do(&Transpose{Perm: apart}, x)
	var parts [3]*ir.Value
	for i := range parts {
		parts[i] = s.do(&Gather{}, x, l.Const(tensor.Scalar(int64(i))))
	}
	keys := s.do(&Transpose{Perm: []int{0, 1, 3, 2}}, parts[1])
	scores := s.do(&Mul{}, s.do(&MatMul{}, parts[0], keys), s.number(l.In(0), float64(a.Scale)))
	y := s.do(&MatMul{}, s.do(&Softmax{Axis: -1}, scores), parts[2])
	y = s.do(&Transpose{Perm: together}, y)
	return s.end(s.main(ir.New[Reshape](), y, l.Ints(0, 0, -1)))
}

func evalFusedAttention(c *ir.EvalCtx) error {
	a := c.Op.(*FusedAttention)
	shape, err := a.shape(shapeOf(c, 0))
	if err != nil {
		return err
	}
	images, times, channels := shape[0].N, shape[1].N, shape[2].N
	line := func(n, t int) int { return n*times + t }
	if a.TimeFirst {
		images, times = times, images
		line = func(n, t int) int { return t*images + n }
	}
	s := &scratch{c: c}
	x, y, weights := s.wide(c.In[0]), s.floats(images, times, channels), s.floats(times)
	if s.err != nil {
		return s.err
	}
	depth := channels / a.Heads
	for i := range images * a.Heads {
		n, head := i/a.Heads, i%a.Heads*depth
		part := func(t, which int) []float64 { return x[(3*line(n, t)+which)*channels+head:][:depth] }
		for t := range times {
			for k := range weights {
				c.Spend(2 * depth)
				weights[k] = 0
				for d, v := range part(k, 1) {
					weights[k] += float64(a.Scale) * v * part(t, 0)[d]
				}
			}
			softmaxLane(weights, slices.Clone(weights))
			out := y[line(n, t)*channels+head:][:depth]
			for k, w := range weights {
				for d, v := range part(k, 2) {
					out[d] += w * v
				}
			}
		}
	}
	return outputFloat64(c, 0, c.In[0].DType(), y, []int{c.In[0].Dim(0), c.In[0].Dim(1), channels})
}
