package ops

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
)

// BatchNormalization is (X - mean) / sqrt(var + Epsilon) · scale + B per channel of X, N×C×…; X of one dimension has
// one channel. mean and var are inputs; with TrainingMode they are those of X itself (the population variance), and
// the running_mean and running_var outputs are input·Momentum + X's·(1-Momentum).
type BatchNormalization struct {
	Epsilon      float32 `attr:"epsilon,default=1e-5"`
	Momentum     float32 `attr:"momentum,default=0.9"`
	TrainingMode bool    `attr:"training_mode,since=14"`
}

func (*BatchNormalization) Def() *ir.Def { return batchNormalization }

var batchNormalization = &ir.Def{
	Name: "BatchNormalization", Family: ir.Normalization, Doc: "normalization per channel by given statistics, or by the batch's", Since: []int{1, 6, 7, 9, 14, 15},
	New: func() ir.Op { return ir.New[BatchNormalization]() },
	Ins: []ir.Param{{Name: "X", Type: "T", Learned: ir.Never}, {Name: "scale", Type: "T1"}, {Name: "B", Type: "T1"},
		{Name: "input_mean", Type: "T2", Learned: ir.Never}, {Name: "input_var", Type: "T2", Learned: ir.Never}},
	Outs: []ir.Param{{Name: "Y", Type: "T"}, {Name: "running_mean", Type: "T2", Kind: ir.Optional},
		{Name: "running_var", Type: "T2", Kind: ir.Optional}},
	Types:   map[string]ir.TypeSet{"T": floatTypes, "T1": floatTypes, "T2": floatTypes},
	Upgrade: upgradeBatchNormalization,
	Infer:   inferBatchNormalization,
	Eval:    evalBatchNormalization,
	Grad:    backward(gradBatchNormalization),
}

func inferBatchNormalization(c *ir.InferCtx) error {
	a := c.Node.Op.(*BatchNormalization)
	if !a.TrainingMode && c.NumOut() > 1 {
		return fmt.Errorf("the outputs running_mean and running_var need training_mode 1")
	}
	channels, err := batchNormChannels(c.Shape(0), c.Shape(1), c.Shape(2), c.Shape(3), c.Shape(4))
	c.SetShape(0, c.Shape(0))
	c.SetShape(1, ir.Shape{channels})
	c.SetShape(2, ir.Shape{channels})
	return err
}

// batchNormChannels is the number of channels, from X and the four vectors, which must agree.
func batchNormChannels(x ir.Shape, vectors ...ir.Shape) (ir.Dim, error) {
	channels := ir.UnknownDim
	switch {
	case len(x) == 1:
		channels = ir.Known(1)
	case len(x) > 1:
		channels = x[1]
	case x != nil:
		return channels, fmt.Errorf("a scalar cannot be normalized")
	}
	for i, v := range vectors {
		if err := checkVector([]string{"scale", "B", "input_mean", "input_var"}[i], v, channels); err != nil {
			return channels, err
		}
		if len(v) == 1 && !channels.IsKnown() {
			channels = v[0]
		}
	}
	return channels, nil
}

func evalBatchNormalization(c *ir.EvalCtx) error {
	a := c.Op.(*BatchNormalization)
	channels, err := batchNormChannels(shapeOf(c, 0), shapeOf(c, 1), shapeOf(c, 2), shapeOf(c, 3), shapeOf(c, 4))
	if err != nil {
		return err
	}
	s := &scratch{c: c}
	x := s.wide(c.In[0])
	scale, bias, mean, variance := s.wide(c.In[1]), s.wide(c.In[2]), s.wide(c.In[3]), s.wide(c.In[4])
	y := s.floats(len(x))
	if s.err != nil {
		return s.err
	}
	plane := 1
	if c.In[0].Rank() > 2 {
		plane = product(c.In[0].Shape()[2:])
	}
	if a.TrainingMode {
		batchMean, batchVar := channelMoments(s, x, channels.N, plane)
		if s.err != nil {
			return s.err
		}
		if err := a.setRunning(c, 1, mean, batchMean); err != nil {
			return err
		}
		if err := a.setRunning(c, 2, variance, batchVar); err != nil {
			return err
		}
		mean, variance = batchMean, batchVar
	}
	for i := range len(x) / max(plane, 1) {
		c.Spend(plane)
		ch := i % channels.N
		factor := scale[ch] / math.Sqrt(variance[ch]+float64(a.Epsilon))
		for j, v := range x[i*plane:][:plane] {
			y[i*plane+j] = (v-mean[ch])*factor + bias[ch]
		}
	}
	return outputFloat64(c, 0, c.In[0].DType(), y, c.In[0].Shape())
}

// setRunning sets a running statistic, of the type of the given ones.
func (a *BatchNormalization) setRunning(c *ir.EvalCtx, o int, old, batch []float64) error {
	if !c.Wants(o) {
		return nil
	}
	running, err := ir.Scratch[float64](c, len(batch))
	if err != nil {
		return err
	}
	for i := range running {
		if a.Momentum != 0 {
			running[i] = old[i] * float64(a.Momentum)
		}
		running[i] += batch[i] * (1 - float64(a.Momentum))
	}
	return outputFloat64(c, o, c.In[3].DType(), running, []int{len(running)})
}

// channelMoments is the mean and the population variance per channel of x, whose planes take turns in channels.
func channelMoments(s *scratch, x []float64, channels, plane int) (mean, variance []float64) {
	mean, variance = s.floats(channels), s.floats(channels)
	if s.err != nil || len(x) == 0 {
		return mean, variance
	}
	count := float64(len(x) / channels)
	for i := range len(x) / plane {
		for _, v := range x[i*plane:][:plane] {
			mean[i%channels] += v / count
		}
	}
	for i := range len(x) / plane {
		for _, v := range x[i*plane:][:plane] {
			d := v - mean[i%channels]
			variance[i%channels] += d * d / count
		}
	}
	return mean, variance
}

// Before opset 14 a node trained if it had more than one output.
func upgradeBatchNormalization(l *ir.Legacy) error {
	if l.Opset >= 14 {
		return nil
	}
	if err := dropConsumedInputs(l); err != nil {
		return err
	}
	if l.Opset < 7 {
		if test, _, err := l.TakeInt("is_test"); err != nil || test != 0 && l.NumOuts > 1 {
			return cmp.Or(err, fmt.Errorf("is_test 1 has one output, not %d", l.NumOuts))
		}
	}
	perElement := false
	if l.Opset < 9 {
		spatial, ok, err := l.TakeInt("spatial")
		if err != nil {
			return err
		}
		perElement = ok && spatial == 0
	}
	if l.NumOuts <= 3 && !perElement {
		if l.NumOuts > 1 {
			l.Set("training_mode", 1)
		}
		return nil
	}
	op := ir.New[BatchNormalization]()
	if err := ir.DecodeAttrs(op, l.Attrs, false); err != nil {
		return err
	}
	op.TrainingMode = l.NumOuts > 1
	emit := emitOldBatchNorm
	if perElement {
		emit = emitPerElement
	}
	outs, err := emit(l, op, l.Inputs)
	l.Replace(outs...)
	return err
}

// emitOldBatchNorm emits op with the outputs that it had in opsets below 14. There, outputs 3 and 4 were the mean and
// variance of the batch itself, which is what the running ones are with a momentum of 0.
func emitOldBatchNorm(l *ir.Legacy, op *BatchNormalization, in []*ir.Value) ([]*ir.Value, error) {
	outs, err := l.EmitN(op, min(l.NumOuts, 3), in...)
	if err != nil || l.NumOuts <= 3 {
		return outs, err
	}
	own := *op
	own.Momentum = 0
	saved, err := l.EmitN(&own, 3, in...)
	if err != nil {
		return nil, err
	}
	return slices.Concat(outs, saved[1:])[:min(l.NumOuts, 5)], nil
}

// emitPerElement emits what spatial 0 meant: statistics for each element of an image, over the batch. Images become
// vectors of channels on the way.
func emitPerElement(l *ir.Legacy, op *BatchNormalization, in []*ir.Value) ([]*ir.Value, error) {
	if len(in) != 5 || slices.Contains(in, nil) {
		return nil, fmt.Errorf("has %d inputs, expects 5", len(in))
	}
	image, ok := in[1].Type().Shape.Ints()
	if !ok {
		return nil, fmt.Errorf("spatial 0 needs a scale of known shape, not %v", in[1].Type().Shape)
	}
	x, err := l.Emit(ir.New[Flatten](), in[0])
	if err != nil {
		return nil, err
	}
	flat := []*ir.Value{x}
	for _, v := range in[1:] {
		if v, err = l.Emit(ir.New[Reshape](), v, l.Ints(-1)); err != nil {
			return nil, err
		}
		flat = append(flat, v)
	}
	outs, err := emitOldBatchNorm(l, op, flat)
	outs = slices.Clone(outs)
	for i := 0; i < len(outs) && err == nil; i++ {
		to := image
		if i == 0 {
			to = append([]int{0}, image...) // 0: the batch as it is
		}
		outs[i], err = l.Emit(ir.New[Reshape](), outs[i], l.Ints(to...))
	}
	return outs, err
}

func gradBatchNormalization(g *gradient) {
	a, dy := g.Node.Op.(*BatchNormalization), g.Of(0)
	if g.Of(1) != nil || g.Of(2) != nil {
		g.fail("the outputs running_mean and running_var have no gradients")
	}
	if a.TrainingMode { // on whose result the given statistics have no influence
		outs := g.several(&BatchNormalizationGrad{Epsilon: a.Epsilon}, 3, dy, g.In(0), g.In(1))
		for i, v := range outs {
			g.give(i, v)
		}
		return
	}
	x, scale := g.In(0), g.In(1)
	like := func(v *ir.Value) *ir.Value { return g.channelwise(g.castTo(v, x), x) }
	epsilon := g.number(g.In(4), float64(a.Epsilon))
	inverse := g.do(ir.New[Reciprocal](), g.do(ir.New[Sqrt](), g.do(&Add{}, g.In(4), epsilon)))
	if g.Wants(0) {
		g.give(0, g.mul(dy, g.mul(like(scale), like(inverse))))
	}
	if !slices.ContainsFunc([]int{1, 2, 3, 4}, g.Wants) {
		return
	}
	dbias := g.channelSum(dy)
	g.give(2, g.castTo(dbias, g.In(2)))
	centred := g.mul(g.sub(x, like(g.In(3))), like(inverse))
	dscale := g.channelSum(g.mul(dy, centred))
	g.give(1, g.castTo(dscale, scale))
	if g.Wants(3) {
		g.give(3, g.do(&Neg{}, g.mul(g.castTo(dbias, inverse), g.mul(g.castTo(scale, inverse), inverse))))
	}
	if g.Wants(4) {
		slope := g.mul(g.castTo(scale, inverse), g.mul(g.mul(inverse, inverse), g.number(inverse, -0.5)))
		g.give(4, g.mul(g.castTo(dscale, inverse), slope))
	}
}

// channelSum is the sum of v, N×C×… or of one channel, over all but the channels.
func (g *gradient) channelSum(v *ir.Value) *ir.Value {
	if g.rank(v) == 1 {
		return g.sum(v, true, 0)
	}
	return g.perChannel(v)
}

// channelwise is a vector of an element for each channel of x, N×C×…, as it broadcasts to x.
func (g *gradient) channelwise(v, x *ir.Value) *ir.Value {
	n := g.rank(x) - 2
	if n <= 0 || g.err != nil {
		return v
	}
	axes := make([]int, n)
	for i := range axes {
		axes[i] = 1 + i
	}
	return g.do(&Unsqueeze{}, v, g.ints(axes...))
}

// castTo is v as the element type of like, where it has another.
func (g *gradient) castTo(v, like *ir.Value) *ir.Value {
	if g.err != nil || v.Type().DType == like.Type().DType {
		return v
	}
	return g.cast(v, like)
}
