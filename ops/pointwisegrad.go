package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// PointwiseGrad is dY·f'(X), where f is the operator Of with its attributes. With Result, X is the result of f in place
// of its operand, for functions whose derivative follows from the result: then the operand need not be kept, and the
// layer upstream can apply f itself.
type PointwiseGrad struct {
	Of          string   `attr:"of,required"`
	Alpha       *float32 `attr:"alpha"`
	Beta        *float32 `attr:"beta"`
	Gamma       *float32 `attr:"gamma"`
	Bias        *float32 `attr:"bias"`
	Lambd       *float32 `attr:"lambd"`
	Result      bool     `attr:"result"`
	Approximate string   `attr:"approximate,default=none,oneof=none|tanh"`
}

func (*PointwiseGrad) Def() *ir.Def { return pointwiseGrad }

var pointwiseGrad = &ir.Def{
	Name: "PointwiseGrad", Domain: fusedDomain, Doc: "dY·f'(X)", Since: []int{1},
	New:   func() ir.Op { return ir.New[PointwiseGrad]() },
	Ins:   []ir.Param{{Name: "dY", Type: "T"}, {Name: "X", Type: "T"}},
	Outs:  []ir.Param{{Name: "dX", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": floatTypes},
	Infer: func(c *ir.InferCtx) error {
		if _, err := c.Node.Op.(*PointwiseGrad).Derivative(); err != nil {
			return err
		}
		return inferBroadcast(c)
	},
	Eval: viaFloat32(func(c *ir.EvalCtx) error {
		derivative, err := c.Op.(*PointwiseGrad).Derivative()
		if err != nil {
			return err
		}
		out, err := broadcastOutput(c, c.In[0].DType())
		if err == nil {
			arithmetic{float: func(dy, x float64) float64 { return dy * derivative(x) }}.apply(c, out, c.In[0], c.In[1])
		}
		return err
	}),
}

// sloped is an operator on one tensor that takes each element through a function.
type sloped interface {
	// derivative is that of the function.
	derivative() func(float64) float64
}

// resulting is a sloped operator whose derivative follows from its result.
type resulting interface {
	sloped
	// derivativeAt is the derivative where the function gives y.
	derivativeAt(y float64) float64
}

// Bounds is the bounds of a Clip, which this operator has as Alpha and Beta; an absent one is infinite. ok is false for
// other operators.
func (a *PointwiseGrad) Bounds() (low, high float32, ok bool) {
	low, high = float32(math.Inf(-1)), float32(math.Inf(1))
	if a.Alpha != nil {
		low = *a.Alpha
	}
	if a.Beta != nil {
		high = *a.Beta
	}
	return low, high, a.Of == "Clip" && a.Result
}

// Function is f, with its attributes; it is none of Clip.
func (a *PointwiseGrad) Function() (ir.Op, error) {
	def := Lookup("", a.Of)
	if def == nil {
		return nil, ir.Unsupported("of", a.Of)
	}
	op := def.New()
	if _, ok := op.(sloped); !ok {
		return nil, ir.Unsupported("of", a.Of)
	}
	var attrs []ir.Attr
	for _, attr := range ir.EncodeAttrs(a, false) {
		if attr.Name != "of" && attr.Name != "result" {
			attrs = append(attrs, attr)
		}
	}
	return op, ir.DecodeAttrs(op, attrs, false)
}

// Derivative is f', of what f gave with Result.
func (a *PointwiseGrad) Derivative() (func(float64) float64, error) {
	if low, high, ok := a.Bounds(); ok {
		return func(y float64) float64 {
			if y <= float64(low) || y >= float64(high) {
				return 0
			}
			return 1
		}, nil
	}
	op, err := a.Function()
	if err != nil {
		return nil, err
	}
	if !a.Result {
		return op.(sloped).derivative(), nil
	}
	at, ok := op.(resulting)
	if !ok {
		return nil, ir.Unsupported("result", a.Result)
	}
	return at.derivativeAt, nil
}

// gradPointwise is the Grad of operators that are sloped.
func gradPointwise(g *gradient) {
	op, x := ir.New[PointwiseGrad](), g.In(0)
	attrs := append(ir.EncodeAttrs(g.Node.Op, false), ir.Attr{Name: "of", Value: g.Node.Op.Def().Name})
	if err := ir.DecodeAttrs(op, attrs, false); err != nil {
		g.fail("%w", err)
	}
	if _, ok := g.Node.Op.(resulting); ok {
		op.Result, x = true, g.Out(0)
	}
	g.give(0, g.do(op, g.Of(0), x))
}
