package ops

import (
	"github.com/onnxrun/onnxrun/ir"
)

// PointwiseGrad is dY·f'(X), where f is the operator Of with those of the attributes that it has. Of Relu, X may be its
// result.
type PointwiseGrad struct {
	Of          string   `attr:"of,required"`
	Alpha       *float32 `attr:"alpha"`
	Beta        *float32 `attr:"beta"`
	Gamma       *float32 `attr:"gamma"`
	Bias        *float32 `attr:"bias"`
	Lambd       *float32 `attr:"lambd"`
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
			arithmetic{float: func(dy, x float64) float64 { return dy * derivative(x) }}.apply(out, c.In[0], c.In[1])
		}
		return err
	}),
}

// sloped is an operator on one tensor that takes each element through a function.
type sloped interface {
	// derivative is that of the function.
	derivative() func(float64) float64
}

// Derivative is f'.
func (a *PointwiseGrad) Derivative() (func(float64) float64, error) {
	def := Lookup("", a.Of)
	if def == nil {
		return nil, ir.Unsupported("of", a.Of)
	}
	op := def.New()
	f, ok := op.(sloped)
	if !ok {
		return nil, ir.Unsupported("of", a.Of)
	}
	var attrs []ir.Attr
	for _, attr := range ir.EncodeAttrs(a, false) {
		if attr.Name != "of" {
			attrs = append(attrs, attr)
		}
	}
	if err := ir.DecodeAttrs(op, attrs, false); err != nil {
		return nil, err
	}
	return f.derivative(), nil
}

// gradPointwise is the Grad of operators that are sloped.
func gradPointwise(g *gradient) { g.give(0, g.pointwise(g.Of(0), g.In(0))) }

func (g *gradient) pointwise(dy, x *ir.Value) *ir.Value {
	op := ir.New[PointwiseGrad]()
	attrs := append(ir.EncodeAttrs(g.Node.Op, false), ir.Attr{Name: "of", Value: g.Node.Op.Def().Name})
	if err := ir.DecodeAttrs(op, attrs, false); err != nil {
		g.fail("%w", err)
	}
	return g.do(op, dy, x)
}
