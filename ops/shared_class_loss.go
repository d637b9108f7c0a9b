package ops

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
)

// classLoss is what NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss share. For the logarithms of probabilities p,
// N×C×…, and the classes, N×…, the loss is -weight[class]·p[class], and 0 where the class is ignore.
type classLoss struct {
	ignore    *int
	reduction string
}

// shape is the shape of the loss.
func (l classLoss) shape(p, classes, weight ir.Shape) (ir.Shape, error) {
	channels := ir.UnknownDim
	if p != nil {
		if err := checkChannels(p); err != nil {
			return nil, err
		}
		channels = p[1]
		each := slices.Concat(p[:1], p[2:])
		if classes == nil {
			classes = each
		}
		if len(classes) != len(each) || slices.ContainsFunc(indexRange(each), func(i int) bool { return differ(classes[i], each[i]) }) {
			return nil, fmt.Errorf("classes of shape %v do not fit to %v, expects %v", classes, p, each)
		}
	}
	if err := checkVector("weights", weight, channels); err != nil {
		return nil, err
	}
	if l.reduction != "none" {
		classes = ir.Shape{}
	}
	return classes, nil
}

// eval computes output 0 from the logarithms of probabilities, which have the shape of input 0, and inputs 1 and 2.
func (l classLoss) eval(c *ir.EvalCtx, p []float64) error {
	shape, err := l.shape(shapeOf(c, 0), shapeOf(c, 1), shapeOf(c, 2))
	if err != nil {
		return err
	}
	in := c.In[0].Shape()
	channels, plane := in[1], product(in[2:])
	s := &scratch{c: c}
	classes, weight, total, weights := s.ints(c.In[1]), s.wide(c.Input(2)), 0.0, 0.0
	losses := s.floats(len(classes))
	if s.err != nil {
		return s.err
	}
	for i, class := range classes {
		if l.ignore != nil && class == *l.ignore {
			continue
		}
		if class < 0 || class >= channels {
			return fmt.Errorf("class %d is outside of the %d classes", class, channels)
		}
		w := 1.0
		if weight != nil {
			w = weight[class]
		}
		losses[i] = -w * p[(i/plane*channels+class)*plane+i%plane]
		total += losses[i]
		weights += w
	}
	switch l.reduction {
	case "mean":
		losses = []float64{total / weights}
	case "sum":
		losses = []float64{total}
	}
	ints, _ := shape.Ints()
	return outputFloat64(c, 0, c.In[0].DType(), losses, ints)
}
