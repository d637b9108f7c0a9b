package ops

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// PRelu is x for x ≥ 0, slope·x below; slope broadcasts to the shape of x (He et al., 2015).
type PRelu struct{}

func (*PRelu) Def() *ir.Def { return pRelu }

var pRelu = &ir.Def{
	Name: "PRelu", Family: ir.Activation, Doc: "x, scaled by a slope where negative, elementwise", Since: []int{1, 6, 7, 9, 16},
	New:     func() ir.Op { return ir.New[PRelu]() },
	Ins:     []ir.Param{{Name: "X", Type: "T"}, {Name: "slope", Type: "T"}},
	Outs:    []ir.Param{{Name: "Y", Type: "T"}},
	Types:   map[string]ir.TypeSet{"T": floatTypes | indexTypes | ir.TypesOf(tensor.Uint32, tensor.Uint64)},
	Upgrade: upgradePRelu,
	Widened: []ir.Widening{{Opset: 9, Var: "T", Types: integerTypes}},
	Infer: func(c *ir.InferCtx) error {
		if err := checkSlope(c.Shape(0), c.Shape(1)); err != nil {
			return err
		}
		return sameShape(c)
	},
	Eval: viaFloat32(evalPRelu),
	Grad: backward(gradPRelu),
}

// Before opset 7 a slope of one dimension had an element for each channel, dimension 1.
func upgradePRelu(l *ir.Legacy) error {
	if err := dropConsumedInputs(l); err != nil || l.Opset >= 7 || l.In(1) == nil {
		return err
	}
	x, slope := l.In(0).Type().Shape, l.In(1).Type().Shape
	if len(slope) != 1 || slope[0] == ir.Known(1) {
		return nil
	}
	if x == nil {
		return fmt.Errorf("a slope for each channel needs an input of a known number of dimensions")
	}
	v, err := appendOnes(l, l.In(1), max(len(x)-2, 0))
	if err == nil {
		l.SetIn(1, v)
	}
	return err
}

// checkSlope refuses a slope that would stretch x.
func checkSlope(x, slope ir.Shape) error {
	out, err := broadcast(x, slope)
	if err != nil || out == nil {
		return err
	}
	if len(out) != len(x) {
		return fmt.Errorf("slope of shape %v does not broadcast to the input's shape %v", slope, x)
	}
	for i := range out {
		if differ(out[i], x[i]) {
			return fmt.Errorf("slope of shape %v does not broadcast to the input's shape %v", slope, x)
		}
	}
	return nil
}

func evalPRelu(c *ir.EvalCtx) error {
	if err := checkSlope(shapeOf(c, 0), shapeOf(c, 1)); err != nil {
		return err
	}
	return arithmetic{
		float: func(x, slope float64) float64 {
			if x < 0 {
				return x * slope
			}
			return x
		},
		signed: func(x, slope int64) int64 {
			if x < 0 {
				return x * slope
			}
			return x
		},
		unsigned: func(x, slope uint64) uint64 { return x },
	}.eval(c)
}

func gradPRelu(g *gradient) {
	x, dy := g.In(0), g.Of(0)
	negative := g.do(&Less{}, x, g.number(x, 0))
	if g.Wants(0) {
		g.give(0, g.do(&Where{}, negative, g.mul(dy, g.In(1)), dy))
	}
	if g.Wants(1) {
		g.give(1, g.sumTo(g.where(negative, g.mul(dy, x)), g.In(1)))
	}
}
