package ops

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Size is the number of elements of its input.
type Size struct{}

func (*Size) Def() *ir.Def { return sizeOp }

var sizeOp = &ir.Def{
	Name: "Size", Family: ir.Shaping, Doc: "the number of elements of its input", Since: []int{1, 13, 19, 21, 23, 24},
	New:   func() ir.Op { return ir.New[Size]() },
	Ins:   []ir.Param{{Name: "data", Type: "T"}},
	Outs:  []ir.Param{{Name: "size", Type: "int64"}},
	Types: map[string]ir.TypeSet{"T": anyType},
	Infer: func(c *ir.InferCtx) error {
		c.SetShape(0, ir.Shape{})
		c.SetDims(0, []ir.Dim{c.Shape(0).Count()})
		return nil
	},
	Eval: func(c *ir.EvalCtx) error {
		out, err := c.Output(0, tensor.Int64)
		if err != nil {
			return err
		}
		tensor.Data[int64](out)[0] = int64(c.In[0].Len())
		return nil
	},
}
