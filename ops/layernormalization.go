package ops

import (
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// LayerNormalization is scale·(x - mean)/sqrt(variance + Epsilon) + B (Ba et al. 2016), mean and variance over the
// dimensions from Axis on, to which scale and B are broadcast. The outputs Mean and InvStdDev are of the type
// StashType; the arithmetic is of float64 whatever it is.
type LayerNormalization struct {
	Axis      int     `attr:"axis,default=-1"`
	Epsilon   float32 `attr:"epsilon,default=1e-5"`
	StashType int     `attr:"stash_type,default=1,oneof=1|16"`
}

func (*LayerNormalization) Def() *ir.Def { return layerNormalization }

var layerNormalization = &ir.Def{
	Name: "LayerNormalization", Family: ir.Normalization, Doc: "normalization over the last dimensions", Since: []int{17},
	New:  func() ir.Op { return ir.New[LayerNormalization]() },
	Ins:  []ir.Param{{Name: "X", Type: "T"}, {Name: "Scale", Type: "T"}, {Name: "B", Type: "T", Kind: ir.Optional}},
	Outs: []ir.Param{{Name: "Y", Type: "T"}, {Name: "Mean", Type: "U", Kind: ir.Optional}, {Name: "InvStdDev", Type: "U", Kind: ir.Optional}},
	Types: map[string]ir.TypeSet{"T": floatTypes,
		"U": ir.TypesOf(tensor.Float32, tensor.BFloat16)},
	Downgrade: downgradeLayerNormalization,
	Infer:     inferLayerNormalization,
	Eval:      evalLayerNormalization,
	Grad:      backward(gradLayerNormalization),
}

func inferLayerNormalization(c *ir.InferCtx) error {
	a := c.Node.Op.(*LayerNormalization)
	c.SetDType(1, tensor.DType(a.StashType))
	c.SetDType(2, tensor.DType(a.StashType))
	x := c.Shape(0)
	if x == nil {
		return nil
	}
	outer, row, err := trailing(x, a.Axis, c.Shape(1), c.Shape(2))
	c.SetShape(0, x)
	stats := slices.Concat(outer, ir.Dims(orOnes(nil, len(row))...))
	c.SetShape(1, stats)
	c.SetShape(2, stats)
	return err
}

func evalLayerNormalization(c *ir.EvalCtx) error {
	a := c.Op.(*LayerNormalization)
	outerDims, rowDims, err := trailing(shapeOf(c, 0), a.Axis, shapeOf(c, 1), shapeOf(c, 2))
	if err != nil {
		return err
	}
	outer, _ := outerDims.Ints()
	row, _ := rowDims.Ints()
	s := &scratch{c: c}
	scale, bias := s.stretched(c.In[1], row, 1), s.stretched(c.Input(2), row, 0)
	x := s.wide(c.In[0])
	rows, n := product(outer), product(row)
	y, means, invs := s.floats(len(x)), s.floats(rows), s.floats(rows)
	if s.err != nil {
		return s.err
	}
	for r := range rows {
		c.Spend(2 * n)
		mean, variance := moments(x[r*n:][:n])
		inv := 1 / math.Sqrt(variance+float64(a.Epsilon))
		means[r], invs[r] = mean, inv
		for i, v := range x[r*n:][:n] {
			y[r*n+i] = (v-mean)*inv*scale[i] + bias[i]
		}
	}
	if err := outputFloat64(c, 0, c.In[0].DType(), y, c.In[0].Shape()); err != nil {
		return err
	}
	stats := slices.Concat(outer, orOnes(nil, len(row)))
	for o, data := range [][]float64{means, invs} {
		if !c.Wants(1 + o) {
			continue
		}
		if err := outputFloat64(c, 1+o, tensor.DType(a.StashType), data, stats); err != nil {
			return err
		}
	}
	return nil
}

// Before opset 17 it is spelled out.
func downgradeLayerNormalization(l *ir.Legacy) error {
	if l.Opset >= 17 {
		return nil
	}
	a := l.Node.Op.(*LayerNormalization)
	axes, err := lastAxes(l, a.Axis)
	if err != nil {
		return err
	}
	s, dt, stash := steps{l: l}, l.In(0).Type().DType, tensor.DType(a.StashType)
	x := l.In(0)
	if halfTypes.Has(dt) {
		x = s.cast(x, stash)
	}
	mean := s.do(ir.New[ReduceMean](), x, axes)
	centred := s.do(&Sub{}, x, mean)
	variance := s.do(ir.New[ReduceMean](), s.do(&Mul{}, centred, centred), axes)
	deviation := s.do(&Sqrt{}, s.do(&Add{}, variance, s.number(x, float64(a.Epsilon))))
	y := s.cast(s.do(&Div{}, centred, deviation), dt)
	y = s.do(&Mul{}, y, l.In(1))
	if l.In(2) != nil {
		y = s.do(&Add{}, y, l.In(2))
	}
	outs := []*ir.Value{y, nil, nil}
	if l.Node.Out(1) != nil {
		outs[1] = s.cast(mean, stash)
	}
	if l.Node.Out(2) != nil {
		outs[2] = s.cast(s.do(&Reciprocal{}, deviation), stash)
	}
	return s.end(outs...)
}

// lastAxes is the axes of input 0 from axis on.
func lastAxes(l *ir.Legacy, axis int) (*ir.Value, error) {
	x := l.In(0).Type().Shape
	var axes []int
	switch {
	case x != nil:
		from, err := axisOf(axis, len(x))
		if err != nil {
			return nil, err
		}
		axes = indexRange(x)[from:]
	case axis < 0:
		for a := axis; a < 0; a++ {
			axes = append(axes, a)
		}
	default:
		return nil, l.Needs(l.Node.Op.Def().Since[0], "an input of unknown rank")
	}
	return l.Ints(axes...), nil
}

func gradLayerNormalization(g *gradient) {
	if g.Of(1) != nil || g.Of(2) != nil {
		g.fail("the outputs Mean and InvStdDev have no gradients")
	}
	a, dy := g.Node.Op.(*LayerNormalization), g.Of(0)
	rank := g.rank(g.In(0))
	axis, err := axisOf(a.Axis, rank)
	if err != nil {
		g.fail("%w", err)
		return
	}
	dx, h := g.standardize(g.mul(dy, g.In(1)), g.In(0), indexRange(make([]struct{}, rank))[axis:], a.Epsilon)
	g.give(0, dx)
	if g.Wants(1) {
		g.give(1, g.sumTo(g.mul(dy, h), g.In(1)))
	}
	if g.Wants(2) {
		g.give(2, g.sumTo(dy, g.In(2)))
	}
}

// standardize emits x standardized over axes, and the gradient of x; dh is the gradient of the former.
func (g *gradient) standardize(dh, x *ir.Value, axes []int, epsilon float32) (dx, h *ir.Value) {
	outs := g.several(&StandardizeGrad{Axes: axes, Epsilon: epsilon}, 2, dh, x)
	return outs[0], outs[1]
}
