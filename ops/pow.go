package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Pow is X to the power of Y, of X's type. Integer powers of integers wrap, negative ones are truncated.
type Pow struct{}

func (*Pow) Def() *ir.Def { return powOp }

var powOp = &ir.Def{
	Name: "Pow", Family: ir.Arithmetic, Doc: "X to the power of Y, elementwise with broadcasting", Since: []int{1, 7, 12, 13, 15},
	New:     func() ir.Op { return ir.New[Pow]() },
	Ins:     []ir.Param{{Name: "X", Type: "T"}, {Name: "Y", Type: "T1"}},
	Outs:    []ir.Param{{Name: "Z", Type: "T"}},
	Types:   map[string]ir.TypeSet{"T": floatTypes | indexTypes, "T1": numericTypes},
	Upgrade: upgradeBroadcast,
	Downgrade: func(l *ir.Legacy) error {
		if dt := l.In(0).Type().DType; l.Opset < 12 && l.In(1).Type().DType != dt {
			s := steps{l: l}
			return s.end(s.main(&Pow{}, l.In(0), s.cast(l.In(1), dt))) // both had one type
		}
		return nil
	},
	Widened: []ir.Widening{{Opset: 12, Var: "T", Types: indexTypes}},
	Infer:   inferBroadcast,
	Eval:    viaFloat32(evalPow),
	Grad:    backward(gradPow),
}

func evalPow(c *ir.EvalCtx) error {
	out, err := broadcastOutput(c, c.In[0].DType())
	if err != nil {
		return err
	}
	switch out.DType() {
	case tensor.Float32:
		return powFloats[float32](c, out, c.In[0], c.In[1])
	case tensor.Float64:
		return powFloats[float64](c, out, c.In[0], c.In[1])
	case tensor.Int32:
		return powInts[int32](c, out, c.In[0], c.In[1])
	default:
		return powInts[int64](c, out, c.In[0], c.In[1])
	}
}

func powFloats[T tensor.Float](c *ir.EvalCtx, out, x, y *tensor.Tensor) error {
	exponent := tensor.New(tensor.Float64, y.Shape()...)
	if err := (converter{}).convert(exponent, y); err != nil {
		return err
	}
	combine(c, out, x, exponent, eachPair(func(x T, y float64) T {
		if y == 2 {
			return x * x
		}
		return T(math.Pow(float64(x), y))
	}))
	return nil
}

func powInts[T int32 | int64](c *ir.EvalCtx, out, x, y *tensor.Tensor) error {
	if floatTypes.Has(y.DType()) {
		exponent := tensor.New(tensor.Float64, y.Shape()...)
		if err := (converter{}).convert(exponent, y); err != nil {
			return err
		}
		combine(c, out, x, exponent, eachPair(func(x T, y float64) T { return T(math.Pow(float64(x), y)) }))
		return nil
	}
	exponent := tensor.New(tensor.Int64, y.Shape()...)
	if err := (converter{}).convert(exponent, y); err != nil {
		return err
	}
	combine(c, out, x, exponent, eachPair(powInt[T]))
	return nil
}

// powInt is x to the power of y by repeated squaring.
func powInt[T int32 | int64](x T, y int64) T {
	if y < 0 { // 1/x^-y, truncated
		switch {
		case x == 1, x == -1 && y%2 == 0:
			return 1
		case x == -1:
			return -1
		}
		return 0
	}
	result := T(1)
	for ; y > 0; y >>= 1 {
		if y&1 != 0 {
			result *= x
		}
		x *= x
	}
	return result
}

func gradPow(g *gradient) {
	x, dy := g.In(0), g.Of(0)
	y := g.In(1)
	if y.Type().DType != x.Type().DType {
		y = g.cast(y, x)
	}
	if g.Wants(0) {
		slope := g.mul(g.do(&Pow{}, x, g.sub(y, g.number(x, 1))), y)
		g.give(0, g.sumTo(g.mul(dy, slope), x))
	}
	if g.Wants(1) { // 0 where x is, whose logarithm is infinite
		positive := g.do(&Greater{}, x, g.number(x, 0))
		log := g.do(ir.New[Log](), g.do(&Where{}, positive, x, g.number(x, 1)))
		sum := g.sumTo(g.mul(g.mul(dy, g.Out(0)), log), g.In(1))
		if g.In(1).Type().DType != x.Type().DType {
			sum = g.cast(sum, g.In(1))
		}
		g.give(1, sum)
	}
}
