package ops

import (
	"fmt"
	"math"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Clip limits elements to the scalars min and max, where present. If min is above max, all are max.
type Clip struct{}

func (*Clip) Def() *ir.Def { return clipOp }

var clipOp = &ir.Def{
	Name: "Clip", Family: ir.Activation, Doc: "limits elements to min and max", Since: []int{1, 6, 11, 12, 13},
	New: func() ir.Op { return ir.New[Clip]() },
	Ins: []ir.Param{{Name: "input", Type: "T", Learned: ir.Never}, {Name: "min", Type: "T", Kind: ir.Optional, Learned: ir.Never},
		{Name: "max", Type: "T", Kind: ir.Optional, Learned: ir.Never}},
	Outs:      []ir.Param{{Name: "output", Type: "T"}},
	Types:     map[string]ir.TypeSet{"T": numericTypes},
	Upgrade:   upgradeClip,
	Downgrade: downgradeClip,
	Widened:   []ir.Widening{{Opset: 12, Var: "T", Types: integerTypes}},
	Infer: func(c *ir.InferCtx) error {
		for i, name := range []string{"input", "min", "max"} {
			if s := c.Shape(i); i > 0 && s != nil && differ(s.Count(), ir.Known(1)) {
				return fmt.Errorf("%s has shape %v, expects a scalar", name, s)
			}
		}
		return sameShape(c)
	},
	Eval: viaFloat32(evalClip),
	Grad: backward(gradClip),
}

// Before opset 11 min and max were attributes.
func upgradeClip(l *ir.Legacy) error {
	if err := dropConsumedInputs(l); err != nil || l.Opset >= 11 || l.In(0) == nil {
		return err
	}
	for i, name := range []string{"min", "max"} {
		v, ok, err := l.TakeFloat(name)
		if err != nil {
			return err
		}
		if !ok || i == 0 && v <= -math.MaxFloat32 || i == 1 && v >= math.MaxFloat32 { // limits nothing
			continue
		}
		bound := tensor.Scalar(v)
		if dt := l.In(0).Type().DType; floatTypes.Has(dt) {
			bound = tensor.FromFloat32(bound, dt)
		}
		l.SetIn(i+1, l.Const(bound))
	}
	return nil
}

func evalClip(c *ir.EvalCtx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return clipOf[float32](c)
	case tensor.Float64:
		return clipOf[float64](c)
	case tensor.Int8:
		return clipOf[int8](c)
	case tensor.Int16:
		return clipOf[int16](c)
	case tensor.Int32:
		return clipOf[int32](c)
	case tensor.Int64:
		return clipOf[int64](c)
	case tensor.Uint8:
		return clipOf[uint8](c)
	case tensor.Uint16:
		return clipOf[uint16](c)
	case tensor.Uint32:
		return clipOf[uint32](c)
	default:
		return clipOf[uint64](c)
	}
}

func clipOf[T tensor.Real](c *ir.EvalCtx) error {
	var bounds [3]*T
	for i := 1; i < 3; i++ {
		if !c.Has(i) {
			continue
		}
		if c.In[i].Len() != 1 {
			return fmt.Errorf("input %d has shape %v, expects a scalar", i, c.In[i].Shape())
		}
		bounds[i] = &tensor.Data[T](c.In[i])[0]
	}
	low, high := bounds[1], bounds[2]
	return mapElements(c, func(x T) T {
		if low != nil && x < *low {
			x = *low
		}
		if high != nil && x > *high {
			x = *high
		}
		return x
	})
}

// Before opset 11 the bounds were attributes: those that are computed make a Max and a Min.
func downgradeClip(l *ir.Legacy) error {
	if l.Opset >= 11 {
		return nil
	}
	computed := false
	for i, name := range []string{"min", "max"} {
		bound := l.In(i + 1)
		if bound == nil {
			continue
		}
		v, ok := float32Of(bound)
		computed = computed || !ok
		l.Set(name, v)
	}
	if !computed {
		l.Inputs = l.Inputs[:1]
		return nil
	}
	s, x := steps{l: l}, l.In(0)
	if l.In(1) != nil {
		x = s.do(&Max{}, x, l.In(1))
	}
	if l.In(2) != nil {
		x = s.do(&Min{}, x, l.In(2))
	}
	return s.end(x)
}

// gradClip passes the gradient on where the input lies within the bounds, which with constant bounds can be told from
// the output alone. Where a bound is computed, an input that lies on it passes the gradient on, too, and the bound gets
// the gradient of the elements that it replaced.
func gradClip(g *gradient) {
	x, dy := g.In(0), g.Of(0)
	if op, ok := clipBounds(g.Node); ok {
		g.give(0, g.do(op, dy, g.Out(0)))
		return
	}
	inside := g.do(&Equal{}, x, g.Out(0))
	if g.Wants(0) {
		g.give(0, g.where(inside, dy))
	}
	for i := 1; i <= 2; i++ {
		if g.Wants(i) {
			outside := g.do(&And{}, g.do(&Not{}, inside), g.do(&Equal{}, g.Out(0), g.In(i)))
			g.give(i, g.likewise(g.do(ir.New[ReduceSum](), g.where(outside, dy)), g.In(i)))
		}
	}
}

// clipBounds is the gradient of a Clip whose bounds are numbers.
func clipBounds(n *ir.Node) (*PointwiseGrad, bool) {
	op := ir.New[PointwiseGrad]()
	op.Of, op.Result = "Clip", true
	for i, to := range []**float32{&op.Alpha, &op.Beta} {
		v := n.In(i + 1)
		if v == nil {
			continue
		}
		bound, ok := float32Of(v)
		if !ok {
			return nil, false
		}
		*to = &bound
	}
	return op, true
}
