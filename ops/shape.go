package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Shape is the dimensions of its input from Start up to End, both counted from the end when negative, and limited to
// the dimensions that there are.
type Shape struct {
	Start int  `attr:"start,default=0"`
	End   *int `attr:"end"` // nil: all
}

func (*Shape) Def() *ir.Def { return shapeOp }

var shapeOp = &ir.Def{
	Name: "Shape", Family: ir.Shaping, Doc: "the dimensions of its input", Since: []int{1, 13, 15, 19, 21, 23, 24},
	New:       func() ir.Op { return ir.New[Shape]() },
	Ins:       []ir.Param{{Name: "data", Type: "T"}},
	Outs:      []ir.Param{{Name: "shape", Type: "int64"}},
	Types:     map[string]ir.TypeSet{"T": anyType},
	Downgrade: downgradeShape,
	Infer:     inferShape,
	Eval:      evalShape,
}

// span is the first dimension, and the one after the last, of a tensor of a number of dimensions.
func (a *Shape) span(rank int) (start, end int) {
	clamp := func(i int) int {
		if i < 0 {
			i += rank
		}
		return min(max(i, 0), rank)
	}
	start, end = clamp(a.Start), rank
	if a.End != nil {
		end = clamp(*a.End)
	}
	return start, max(start, end)
}

func inferShape(c *ir.InferCtx) error {
	in := c.Shape(0)
	if in == nil {
		c.SetShape(0, ir.UnknownShape(1))
		return nil
	}
	start, end := c.Node.Op.(*Shape).span(len(in))
	c.SetShape(0, ir.Dims(end-start))
	c.SetDims(0, in[start:end])
	return nil
}

func evalShape(c *ir.EvalCtx) error {
	dims := c.In[0].Shape()
	start, end := c.Op.(*Shape).span(len(dims))
	out, err := c.Output(0, tensor.Int64, end-start)
	if err != nil {
		return err
	}
	for i, n := range dims[start:end] {
		tensor.Data[int64](out)[i] = int64(n)
	}
	return nil
}

// Before opset 15 it gave all dimensions.
func downgradeShape(l *ir.Legacy) error {
	a := l.Node.Op.(*Shape)
	if l.Opset >= 15 || a.Start == 0 && a.End == nil {
		return nil
	}
	end := math.MaxInt
	if a.End != nil {
		end = *a.End
	}
	s := steps{l: l}
	return s.end(s.do(&Slice{}, s.main(ir.New[Shape](), l.In(0)), l.Ints(a.Start), l.Ints(end)))
}
