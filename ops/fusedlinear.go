package ops

import (
	"slices"

	"github.com/onnxrun/onnxrun/ir"
)

// FusedLinear is a product with a matrix and what follows it: activation(X·W + B + R), over the last dimension of X. W is
// K×N, or N×K with TransB; B has N elements.
type FusedLinear struct {
	TransB bool `attr:"transB"`
	Epilogue
}

func (*FusedLinear) Def() *ir.Def { return fusedLinear }

var fusedLinear = &ir.Def{
	Name: "FusedLinear", Domain: fusedDomain, Doc: "product with a matrix, bias, residual sum and activation", Since: []int{1},
	New: func() ir.Op { return ir.New[FusedLinear]() },
	Ins: []ir.Param{{Name: "X", Type: "T"}, {Name: "W", Type: "T"}, {Name: "B", Type: "T", Kind: ir.Optional},
		{Name: "R", Type: "T", Kind: ir.Optional}},
	Outs:  []ir.Param{{Name: "Y", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": floatTypes},
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
	if len(x) == 0 {
		return nil, nil
	}
	last := len(x) - 1
	out, err := (&Gemm{TransB: a.TransB}).shape(ir.Shape{ir.UnknownDim, x[last]}, w, bias)
	if err != nil {
		return nil, err
	}
	return append(slices.Clone(x[:last]), out[1]), nil
}

func evalFusedLinear(c *ir.EvalCtx) error {
	op, x, in := c.Op.(*FusedLinear), c.In[0], c.In
	last := x.Rank() - 1
	rows := product(x.Shape()[:last])
	c.Op, c.In = &Gemm{Alpha: 1, Beta: 1, TransB: op.TransB}, slices.Clone(in[:min(3, len(in))])
	c.In[0] = x.Reshaped(rows, x.Dim(last))
	shape, err := op.shape(ir.Dims(x.Shape()...), shapeOf(c, 1), nil)
	if err != nil {
		return err
	}
	full, _ := shape.Ints()
	sub := *c
	sub.Out = nil
	sub.Host.Alloc = nil
	if err := evalGemm(&sub); err != nil {
		return err
	}
	c.Op, c.In = op, in
	out, err := outputShaped(c, 0, x.DType(), shape)
	if err != nil {
		return err
	}
	out.CopyFrom(sub.Out[0].Reshaped(full...))
	if c.Has(3) {
		return op.finish(c, c.In[3])
	}
	return op.finish(c, nil)
}
