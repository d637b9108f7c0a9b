package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// IsInf is true where an element is an infinity, of a sign that counts.
type IsInf struct {
	DetectPositive bool `attr:"detect_positive,default=1"`
	DetectNegative bool `attr:"detect_negative,default=1"`
}

func (*IsInf) Def() *ir.Def { return isInf }

var isInf = &ir.Def{
	Name: "IsInf", Doc: "true for infinities, elementwise", Since: []int{10, 20},
	New:   func() ir.Op { return ir.New[IsInf]() },
	Ins:   []ir.Param{{Name: "X", Type: "T1"}},
	Outs:  []ir.Param{{Name: "Y", Type: "bool"}},
	Types: map[string]ir.TypeSet{"T1": floatTypes | float8Types},
	Infer: sameShape,
	Eval: func(c *ir.EvalCtx) error {
		a := c.Op.(*IsInf)
		return testFloats(c, func(x float64) bool {
			return a.DetectPositive && math.IsInf(x, 1) || a.DetectNegative && math.IsInf(x, -1)
		})
	},
}

// testFloats computes output 0, boolean, from each element of input 0, of any floating-point type.
func testFloats(c *ir.EvalCtx, f func(float64) bool) error {
	out, err := c.Output(0, tensor.Bool, c.In[0].Shape()...)
	if err != nil {
		return err
	}
	s := &scratch{c: c}
	for i, x := range s.wide(c.In[0]) {
		tensor.Data[bool](out)[i] = f(x)
	}
	return s.err
}
