package ops

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// MatMulInteger is the matrix product of A and B less their zero points, as int32. The zero points are one number, or
// one for each row of A and column of B.
type MatMulInteger struct{}

func (*MatMulInteger) Def() *ir.Def { return matMulInteger }

var matMulInteger = &ir.Def{
	Name: "MatMulInteger", Family: ir.Linear, Doc: "matrix product of 8-bit integers", Since: []int{10},
	New: func() ir.Op { return ir.New[MatMulInteger]() },
	Ins: []ir.Param{{Name: "A", Type: "T1"}, {Name: "B", Type: "T2", Learned: ir.Always}, {Name: "a_zero_point", Type: "T1", Kind: ir.Optional},
		{Name: "b_zero_point", Type: "T2", Kind: ir.Optional}},
	Outs:  []ir.Param{{Name: "Y", Type: "int32"}},
	Types: map[string]ir.TypeSet{"T1": byteTypes, "T2": byteTypes},
	Infer: func(c *ir.InferCtx) error {
		out, err := matMulShape(c.Shape(0), c.Shape(1))
		c.SetShape(0, out)
		return err
	},
	Eval: func(c *ir.EvalCtx) error {
		y, err := centredMatMul(c, c.In[0], c.Input(2), c.In[1], c.Input(3))
		if err != nil {
			return err
		}
		return outputInt32(c, y)
	},
	MACs: func(n *ir.Node) int64 { return matMulMACs(n.Out(0), n.In(0)) },
}

var byteTypes = ir.TypesOf(tensor.Int8, tensor.Uint8)

// centredMatMul is the matrix product of a and b less their zero points, nil for 0.
func centredMatMul(c *ir.EvalCtx, a, aZero, b, bZero *tensor.Tensor) (*tensor.Tensor, error) {
	x, err := centred(c, a, aZero, factorShape(aZero, a.Rank() > 1))
	if err != nil {
		return nil, err
	}
	y, err := centred(c, b, bZero, factorShape(bZero, false))
	if err != nil {
		return nil, err
	}
	return wideMatMul(c, x, y)
}

// factorShape is the shape in which a zero point or scale, nil where absent, broadcasts to matrices, by rows or columns.
func factorShape(t *tensor.Tensor, rows bool) []int {
	switch {
	case t == nil:
		return nil
	case rows:
		return rowFactors(t.Shape())
	}
	return t.Shape()
}
