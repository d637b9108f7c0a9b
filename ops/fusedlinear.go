package ops

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// FusedLinear is a product with a matrix and what follows it: activation(X·W + B + R), over the last dimension of X. W is
// K×N, or N×K with TransB; B has N elements.
type FusedLinear struct {
	TransB bool `attr:"transB"`
	Epilogue
}

func (*FusedLinear) Def() *ir.Def { return fusedLinear }

var fusedLinear = &ir.Def{
	Name: "FusedLinear", Family: ir.Linear, Domain: fusedDomain, Doc: "product with a matrix, bias, residual sum and activation", Since: []int{1},
	New: func() ir.Op { return ir.New[FusedLinear]() },
	Ins: []ir.Param{{Name: "X", Type: "T"}, {Name: "W", Type: "T"}, {Name: "B", Type: "T", Kind: ir.Optional},
		{Name: "R", Type: "T", Kind: ir.Optional}},
	Outs:      []ir.Param{{Name: "Y", Type: "T"}},
	Types:     map[string]ir.TypeSet{"T": floatTypes},
	Downgrade: unfuseLinear,
	Infer: func(c *ir.InferCtx) error {
		out, err := c.Node.Op.(*FusedLinear).shape(c.Shape(0), c.Shape(1), c.Shape(2))
		c.SetShape(0, out)
		if err != nil {
			return err
		}
		return checkResidual(c.Shape(3), out)
	},
	Eval: viaFloat32(evalFusedLinear),
	MACs: func(n *ir.Node) int64 {
		if shape := n.In(0).Type().Shape; len(shape) > 0 {
			return knownCount(n.Out(0).Type().Shape.Count().Mul(shape[len(shape)-1]))
		}
		return 0
	},
}

// shape is the shape of the output, by way of a Gemm of all rows.
func (a *FusedLinear) shape(x, w, bias ir.Shape) (ir.Shape, error) {
	if x == nil {
		return nil, nil
	}
	last := len(x) - 1
	if last < 0 {
		return nil, fmt.Errorf("input is a scalar, expects at least one dimension")
	}
	out, err := (&Gemm{TransB: a.TransB}).shape(ir.Shape{ir.UnknownDim, x[last]}, w, nil)
	if err != nil {
		return nil, err
	}
	return append(slices.Clone(x[:last]), out[1]), checkVector("bias", bias, out[1])
}

func evalFusedLinear(c *ir.EvalCtx) error {
	op, x := c.Op.(*FusedLinear), c.In[0]
	shape, err := op.shape(shapeOf(c, 0), shapeOf(c, 1), shapeOf(c, 2))
	if err != nil {
		return err
	}
	last := x.Rank() - 1
	rows := c.Part(&Gemm{Alpha: 1, Beta: 1, TransB: op.TransB}, slices.Clone(c.In[:min(3, len(c.In))])...)
	rows.In[0] = x.Reshaped(product(x.Shape()[:last]), x.Dim(last))
	if err := evalGemm(rows); err != nil {
		return err
	}
	out, err := outputShaped(c, 0, x.DType(), shape)
	if err != nil {
		return err
	}
	out.CopyFrom(rows.Out[0].Reshaped(out.Shape()...))
	return op.finish(c, c.Input(3))
}

// unfuseLinear builds a Gemm where X is a matrix, else a MatMul.
func unfuseLinear(l *ir.Legacy) error {
	op, s := l.Node.Op.(*FusedLinear), steps{l: l}
	x, w, bias := l.In(0), l.In(1), l.In(2)
	if len(x.Type().Shape) == 2 && (bias != nil || op.TransB) {
		return s.end(op.emit(&s, s.main(&Gemm{Alpha: 1, Beta: 1, TransB: op.TransB}, x, w, bias), l.In(3)))
	}
	if op.TransB {
		w = s.transposed(w)
	}
	y := s.main(&MatMul{}, x, w)
	if bias != nil {
		y = s.do(&Add{}, y, bias)
	}
	return s.end(op.emit(&s, y, l.In(3)))
}

// transposed is a matrix transposed, a constant at once.
func (s *steps) transposed(w *ir.Value) *ir.Value {
	if w.Const() == nil {
		return s.do(&Transpose{Perm: []int{1, 0}}, w)
	}
	c := &ir.EvalCtx{Op: &Transpose{Perm: []int{1, 0}}, In: []*tensor.Tensor{w.Const()}}
	if s.err = transpose.Eval(c); s.err != nil {
		return nil
	}
	return s.l.Const(c.Out[0])
}
