package ops

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// QLinearMatMul is the matrix product of quantized tensors, quantized. Scales and zero points are one number, or one for
// each row of a and of the output, and for each column of b.
type QLinearMatMul struct{}

func (*QLinearMatMul) Def() *ir.Def { return qLinearMatMul }

var qLinearMatMul = &ir.Def{
	Name: "QLinearMatMul", Family: ir.Linear, Doc: "matrix product of quantized tensors", Since: []int{10, 21},
	New: func() ir.Op { return ir.New[QLinearMatMul]() },
	Ins: []ir.Param{{Name: "a", Type: "T1"}, {Name: "a_scale", Type: "TS", Learned: ir.Never}, {Name: "a_zero_point", Type: "T1"},
		{Name: "b", Type: "T2", Learned: ir.Always}, {Name: "b_scale", Type: "TS", Learned: ir.Never}, {Name: "b_zero_point", Type: "T2"},
		{Name: "y_scale", Type: "TS", Learned: ir.Never}, {Name: "y_zero_point", Type: "T3"}},
	Outs:  []ir.Param{{Name: "y", Type: "T3"}},
	Types: map[string]ir.TypeSet{"T1": qMatMulTypes, "T2": qMatMulTypes, "T3": qMatMulTypes, "TS": floatTypes &^ ir.TypesOf(tensor.Float64)},
	Infer: func(c *ir.InferCtx) error {
		out, err := matMulShape(c.Shape(0), c.Shape(3))
		c.SetShape(0, out)
		return err
	},
	Eval: evalQLinearMatMul,
	MACs: func(n *ir.Node) int64 { return matMulMACs(n.Out(0), n.In(0)) },
}

var qMatMulTypes = byteTypes | float8Types&^ir.TypesOf(tensor.Float8E8M0)

func evalQLinearMatMul(c *ir.EvalCtx) error {
	a, b := c.In[0], c.In[3]
	y, err := centredMatMul(c, a, c.In[2], b, c.In[5])
	if err != nil {
		return err
	}
	rows := a.Rank() > 1 // else a is one row, and its dimension is gone
	if err := scaleBy(c, y, c.In[1], factorShape(c.In[1], rows), times); err != nil {
		return err
	}
	columns := factorShape(c.In[4], false)
	if b.Rank() == 1 { // which is one column
		columns = nil
	}
	if err := scaleBy(c, y, c.In[4], columns, times); err != nil {
		return err
	}
	if err := scaleBy(c, y, c.In[6], factorShape(c.In[6], rows), over); err != nil {
		return err
	}
	out, err := c.Output(0, c.In[7].DType(), y.Shape()...)
	if err != nil {
		return err
	}
	return quantizeProduct(c, out, y, c.In[7], factorShape(c.In[7], rows))
}
