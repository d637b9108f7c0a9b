package ops

import "github.com/onnxrun/onnxrun/ir"

// FusedConv is a convolution with what follows it: activation(Conv(X, W, B) + R).
type FusedConv struct {
	Conv
	Epilogue
}

func (*FusedConv) Def() *ir.Def { return fusedConv }

var fusedConv = &ir.Def{
	Name: "FusedConv", Family: ir.Convolution, Domain: fusedDomain, Doc: "convolution, residual sum and activation", Since: []int{1},
	New: func() ir.Op { return ir.New[FusedConv]() },
	Ins: []ir.Param{{Name: "X", Type: "T"}, {Name: "W", Type: "T"}, {Name: "B", Type: "T", Kind: ir.Optional},
		{Name: "R", Type: "T", Kind: ir.Optional}},
	Outs:  []ir.Param{{Name: "Y", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": floatTypes},
	Downgrade: func(l *ir.Legacy) error {
		op, s := l.Node.Op.(*FusedConv), steps{l: l}
		conv := op.Conv
		return s.end(op.emit(&s, s.main(&conv, l.In(0), l.In(1), l.In(2)), l.In(3)))
	},
	Infer: func(c *ir.InferCtx) error {
		out, err := c.Node.Op.(*FusedConv).shape(c.Shape(0), c.Shape(1), c.Shape(2))
		c.SetShape(0, out)
		if err != nil {
			return err
		}
		return checkResidual(c.Shape(3), out)
	},
	Eval: floatEval(evalFusedConv(convOf[float32]), evalFusedConv(convOf[float64])),
	MACs: func(n *ir.Node) int64 { return convMACs(n.Out(0), n.In(1)) },
}

// evalFusedConv finishes what the convolution eval computes.
func evalFusedConv(eval func(*ir.EvalCtx) error) func(*ir.EvalCtx) error {
	return func(c *ir.EvalCtx) error {
		op := c.Op.(*FusedConv)
		c.Op = &op.Conv
		err := eval(c)
		c.Op = op
		if err != nil {
			return err
		}
		return op.finish(c, c.Input(3))
	}
}
