package ops

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// GroupNormalization is scale·(x - mean)/sqrt(variance + Epsilon) + bias (Wu and He 2018): mean and variance of each of
// the NumGroups groups of channels of an image of N×C×…, scale and bias per channel. The statistics are of float64
// whatever StashType.
type GroupNormalization struct {
	Epsilon   float32 `attr:"epsilon,default=1e-5"`
	NumGroups int     `attr:"num_groups,required"`
	StashType int     `attr:"stash_type,default=1,oneof=1|10|11|16"`
}

func (*GroupNormalization) Def() *ir.Def { return groupNormalization }

var groupNormalization = &ir.Def{
	Name: "GroupNormalization", Family: ir.Normalization, Doc: "normalization per image and group of channels", Since: []int{18, 21},
	New:       func() ir.Op { return ir.New[GroupNormalization]() },
	Ins:       []ir.Param{{Name: "X", Type: "T"}, {Name: "scale", Type: "T"}, {Name: "bias", Type: "T"}},
	Outs:      []ir.Param{{Name: "Y", Type: "T"}},
	Types:     map[string]ir.TypeSet{"T": floatTypes},
	Upgrade:   upgradeGroupNormalization,
	Downgrade: downgradeGroupNormalization,
	Infer: func(c *ir.InferCtx) error {
		c.SetShape(0, c.Shape(0))
		return c.Node.Op.(*GroupNormalization).check(c.Shape(0), c.Shape(1), c.Shape(2))
	},
	Eval: floatEval(groupNormOf[float32], groupNormOf[float64]),
	Grad: backward(gradGroupNormalization),
}

func (g *GroupNormalization) check(x, scale, bias ir.Shape) error {
	if g.NumGroups < 1 {
		return ir.Unsupported("num_groups", g.NumGroups)
	}
	if err := checkChannelVectors(x, [2]string{"scale", "bias"}, scale, bias); err != nil {
		return err
	}
	if x != nil && x[1].IsKnown() && x[1].N%g.NumGroups != 0 {
		return &ir.AttrError{Attr: "num_groups", Msg: fmt.Sprintf("%d does not divide the %d channels", g.NumGroups, x[1].N)}
	}
	return nil
}

func groupNormOf[T tensor.Float](c *ir.EvalCtx) error {
	g := c.Op.(*GroupNormalization)
	if err := g.check(shapeOf(c, 0), shapeOf(c, 1), shapeOf(c, 2)); err != nil {
		return err
	}
	return normalizeGroups[T](c, c.In[0].Dim(0)*g.NumGroups, g.Epsilon)
}

// Opset 18 had scale and bias per group: they are repeated for the group's channels.
func upgradeGroupNormalization(l *ir.Legacy) error {
	groups, ok := l.Attr("num_groups").(int)
	if l.Opset >= 21 || !ok || groups < 1 || l.In(0) == nil { // the faults are found later
		return nil
	}
	x := l.In(0).Type().Shape
	if len(x) < 2 || !x[1].IsKnown() {
		return fmt.Errorf("before opset 21 the number of channels must be known, input has shape %v", x)
	}
	if x[1].N%groups != 0 {
		return &ir.AttrError{Attr: "num_groups", Msg: fmt.Sprintf("%d does not divide the %d channels", groups, x[1].N)}
	}
	group := make([]int, x[1].N)
	for i := range group {
		group[i] = i / (len(group) / groups)
	}
	for i := 1; i <= 2 && l.In(i) != nil; i++ {
		if err := checkVector([]string{"", "scale", "bias"}[i], l.In(i).Type().Shape, ir.Known(groups)); err != nil {
			return err
		}
		each, err := l.Emit(ir.New[Gather](), l.In(i), l.Ints(group...))
		if err != nil {
			return err
		}
		l.SetIn(i, each)
	}
	return nil
}

// Before opset 21 it is an InstanceNormalization of the groups, then scaled.
func downgradeGroupNormalization(l *ir.Legacy) error {
	if l.Opset >= 21 {
		return nil
	}
	x, g := l.In(0), l.Node.Op.(*GroupNormalization)
	if x.Type().Shape == nil {
		return l.Needs(21, "an input of unknown rank")
	}
	s := steps{l: l}
	grouped := s.do(ir.New[Reshape](), x, l.Ints(0, g.NumGroups, -1))
	y := s.main(&InstanceNormalization{Epsilon: g.Epsilon}, grouped, s.vector(x, g.NumGroups, 1), s.vector(x, g.NumGroups, 0))
	y = s.do(ir.New[Reshape](), y, s.do(ir.New[Shape](), x))
	if s.err != nil {
		return s.err
	}
	var vectors [2]*ir.Value
	for i := range vectors {
		var err error
		if vectors[i], err = appendOnes(l, l.In(i+1), len(x.Type().Shape)-2); err != nil {
			return err
		}
	}
	return s.end(s.do(&Add{}, s.do(&Mul{}, y, vectors[0]), vectors[1]))
}

func gradGroupNormalization(g *gradient) {
	a := g.Node.Op.(*GroupNormalization)
	g.normalized(g.do(ir.New[Reshape](), g.In(0), g.ints(0, a.NumGroups, -1)), g.Of(0), []int{2}, a.Epsilon)
}
