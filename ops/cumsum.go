package ops

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// CumSum is the running sum along an axis, the element itself included unless Exclusive; Reverse runs from the end.
type CumSum struct {
	Exclusive bool `attr:"exclusive"`
	Reverse   bool `attr:"reverse"`
}

func (*CumSum) Def() *ir.Def { return cumSum }

var cumSum = &ir.Def{
	Name: "CumSum", Family: ir.Reduction, Doc: "the running sum along an axis", Since: []int{11, 14},
	New:     func() ir.Op { return ir.New[CumSum]() },
	Ins:     []ir.Param{{Name: "x", Type: "T"}, {Name: "axis", Type: "Tind"}},
	Outs:    []ir.Param{{Name: "y", Type: "T"}},
	Types:   map[string]ir.TypeSet{"T": reduceTypes, "Tind": indexTypes},
	Widened: []ir.Widening{{Opset: 14, Var: "T", Types: halfTypes}},
	Infer:   sameShape,
	Eval:    viaFloat32(evalCumSum),
}

func evalCumSum(c *ir.EvalCtx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return cumSumOf[float32](c)
	case tensor.Float64:
		return cumSumOf[float64](c)
	case tensor.Int32:
		return cumSumOf[int32](c)
	case tensor.Int64:
		return cumSumOf[int64](c)
	case tensor.Uint32:
		return cumSumOf[uint32](c)
	default:
		return cumSumOf[uint64](c)
	}
}

func cumSumOf[T tensor.Real](c *ir.EvalCtx) error {
	a, x := c.Op.(*CumSum), c.In[0]
	at, _ := c.In[1].AsInts()
	if len(at) != 1 {
		return fmt.Errorf("axis has %d elements, expects one", len(at))
	}
	axis, err := axisOf(at[0], x.Rank())
	if err != nil {
		return err
	}
	out, err := c.Output(0, x.DType(), x.Shape()...)
	if err != nil {
		return err
	}
	src, dst, n := tensor.Data[T](x), tensor.Data[T](out), x.Dim(axis)
	eachLine(x.Shape(), axis, func(_, start, stride int) {
		c.Spend(n)
		if a.Reverse {
			start, stride = start+(n-1)*stride, -stride
		}
		var sum T
		for i := range n {
			v := src[start+i*stride]
			if a.Exclusive {
				dst[start+i*stride] = sum
				sum += v
			} else {
				sum += v
				dst[start+i*stride] = sum
			}
		}
	})
	return nil
}
