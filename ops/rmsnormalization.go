package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// RMSNormalization is scale·x/sqrt(mean(x²) + Epsilon) (Zhang and Sennrich 2019), the mean over the dimensions from
// Axis on, to which scale is broadcast. The arithmetic is of float64 whatever StashType.
type RMSNormalization struct {
	Axis      int     `attr:"axis,default=-1"`
	Epsilon   float32 `attr:"epsilon,default=1e-5"`
	StashType int     `attr:"stash_type,default=1,oneof=1|10|11|16"`
}

func (*RMSNormalization) Def() *ir.Def { return rmsNormalization }

var rmsNormalization = &ir.Def{
	Name: "RMSNormalization", Family: ir.Normalization, Doc: "division by the root mean square over the last dimensions", Since: []int{23},
	New:       func() ir.Op { return ir.New[RMSNormalization]() },
	Ins:       []ir.Param{{Name: "X", Type: "T"}, {Name: "scale", Type: "V"}},
	Outs:      []ir.Param{{Name: "Y", Type: "V"}},
	Types:     map[string]ir.TypeSet{"T": floatTypes, "V": floatTypes},
	Downgrade: downgradeRMSNormalization,
	Infer: func(c *ir.InferCtx) error {
		x := c.Shape(0)
		if x == nil {
			return nil
		}
		_, _, err := trailing(x, c.Node.Op.(*RMSNormalization).Axis, c.Shape(1))
		c.SetShape(0, x)
		return err
	},
	Eval: evalRMSNormalization,
}

func evalRMSNormalization(c *ir.EvalCtx) error {
	a := c.Op.(*RMSNormalization)
	_, rowDims, err := trailing(shapeOf(c, 0), a.Axis, shapeOf(c, 1))
	if err != nil {
		return err
	}
	row, _ := rowDims.Ints()
	s := &scratch{c: c}
	scale, x, n := s.stretched(c.In[1], row, 1), s.wide(c.In[0]), product(row)
	y := s.floats(len(x))
	if s.err != nil {
		return s.err
	}
	for r := 0; r < len(x); r += n {
		squares := 0.0
		for _, v := range x[r:][:n] {
			squares += v * v
		}
		inv := 1 / math.Sqrt(squares/float64(n)+float64(a.Epsilon))
		for i, v := range x[r:][:n] {
			y[r+i] = v * inv * scale[i]
		}
	}
	return outputFloat64(c, 0, c.In[1].DType(), y, c.In[0].Shape())
}

// Before opset 23 it is spelled out.
func downgradeRMSNormalization(l *ir.Legacy) error {
	if l.Opset >= 23 {
		return nil
	}
	a := l.Node.Op.(*RMSNormalization)
	axes, err := lastAxes(l, a.Axis)
	if err != nil {
		return err
	}
	s, x := steps{l: l}, l.In(0)
	if halfTypes.Has(x.Type().DType) {
		x = s.cast(x, tensor.DType(a.StashType))
	}
	square := s.do(ir.New[ReduceMean](), s.do(&Mul{}, x, x), axes)
	root := s.do(&Sqrt{}, s.do(&Add{}, square, s.number(x, float64(a.Epsilon))))
	y := s.cast(s.do(&Div{}, x, root), l.In(1).Type().DType)
	return s.end(s.do(&Mul{}, y, l.In(1)))
}
