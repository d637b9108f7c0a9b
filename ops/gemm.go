package ops

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Gemm is Alpha·A'·B' + Beta·C, where A' is A, or its transpose if TransA, and C, which may be absent, is broadcast to
// the result. Without Beta, C is not read.
type Gemm struct {
	Alpha  float32 `attr:"alpha,default=1"`
	Beta   float32 `attr:"beta,default=1"`
	TransA bool    `attr:"transA"`
	TransB bool    `attr:"transB"`
}

func (*Gemm) Def() *ir.Def { return gemm }

var gemm = &ir.Def{
	Name: "Gemm", Family: ir.Linear, Doc: "matrix product with scaling, transposition and a bias", Since: []int{1, 6, 7, 9, 11, 13},
	New:     func() ir.Op { return ir.New[Gemm]() },
	Ins:     []ir.Param{{Name: "A", Type: "T"}, {Name: "B", Type: "T"}, {Name: "C", Type: "T", Kind: ir.Optional}},
	Outs:    []ir.Param{{Name: "Y", Type: "T"}},
	Types:   map[string]ir.TypeSet{"T": productTypes},
	Upgrade: upgradeGemm,
	Downgrade: func(l *ir.Legacy) error {
		if l.Opset < 11 && l.In(2) == nil {
			l.SetIn(2, l.Const(tensor.New(l.In(0).Type().DType, 1)))
		}
		return nil
	},
	Widened: []ir.Widening{{Opset: 9, Var: "T", Types: integerTypes}},
	Infer: func(c *ir.InferCtx) error {
		out, err := c.Node.Op.(*Gemm).shape(c.Shape(0), c.Shape(1), c.Shape(2))
		c.SetShape(0, out)
		return err
	},
	Eval: viaFloat32(evalGemm),
	Grad: backward(gradGemm),
	MACs: gemmMACs,
}

// Before opset 7 C was broadcast only where an attribute said so.
func upgradeGemm(l *ir.Legacy) error {
	if l.Opset < 7 {
		l.Take("broadcast")
	}
	return nil
}

// shape is the shape of the output: M×N.
func (g *Gemm) shape(a, b, bias ir.Shape) (ir.Shape, error) {
	out, inner := ir.UnknownShape(2), ir.UnknownShape(2)
	for i, in := range []struct {
		s     ir.Shape
		trans bool
	}{{a, g.TransA}, {b, g.TransB}} {
		if in.s == nil {
			continue
		}
		if len(in.s) != 2 {
			return nil, fmt.Errorf("input %d has shape %v, expects a matrix", i, in.s)
		}
		outer := i // A gives its rows to the result, B its columns
		if in.trans {
			outer = 1 - i
		}
		out[i], inner[i] = in.s[outer], in.s[1-outer]
	}
	if differ(inner[0], inner[1]) {
		return nil, fmt.Errorf("shapes %v (transA %v) and %v (transB %v): inner dimensions %v and %v differ", a, g.TransA, b, g.TransB, inner[0], inner[1])
	}
	if len(bias) > 2 {
		return nil, fmt.Errorf("input C has shape %v, which cannot be broadcast to %v", bias, out)
	}
	for i, d := range bias {
		if o := out[2-len(bias)+i]; differ(d, o) && d.N != 1 {
			return nil, fmt.Errorf("input C has shape %v, which cannot be broadcast to %v", bias, out)
		}
	}
	return out, nil
}

func gemmMACs(n *ir.Node) int64 {
	a := n.In(0).Type().Shape
	if a == nil {
		return 0
	}
	inner := a[1]
	if n.Op.(*Gemm).TransA {
		inner = a[0]
	}
	return knownCount(n.Out(0).Type().Shape.Count().Mul(inner))
}

func evalGemm(c *ir.EvalCtx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return gemmOf[float32, float64](c)
	case tensor.Float64:
		return gemmOf[float64, float64](c)
	case tensor.Int32:
		return gemmOf[int32, int32](c)
	case tensor.Uint32:
		return gemmOf[uint32, uint32](c)
	case tensor.Int64:
		return gemmOf[int64, int64](c)
	default:
		return gemmOf[uint64, uint64](c)
	}
}

func gemmOf[T, S tensor.Real](c *ir.EvalCtx) error {
	g := c.Op.(*Gemm)
	shape, err := g.shape(shapeOf(c, 0), shapeOf(c, 1), shapeOf(c, 2))
	if err != nil {
		return err
	}
	out, err := outputShaped(c, 0, c.In[0].DType(), shape)
	if err != nil || out.Len() == 0 {
		return err
	}
	m, n, k := out.Dim(0), out.Dim(1), c.In[0].Dim(1)
	y, a := tensor.Data[T](out), tensor.Data[T](c.In[0])
	if g.TransA {
		k = c.In[0].Dim(0)
		a = transposed(c, a, k, m)
	}
	multiply[T, S](c, y, a, tensor.Data[T](c.In[1]), m, k, n, g.TransB)
	if g.Alpha != 1 {
		for i := range y {
			y[i] = scaled(y[i], g.Alpha)
		}
	}
	if c.Has(2) && g.Beta != 0 {
		bias := tensor.Data[T](c.In[2])
		eachOffset([]int{m, n}, [][]int{broadcastStrides(c.In[2].Shape(), []int{m, n})}, func(i int, offs []int) {
			y[i] += scaled(bias[offs[0]], g.Beta)
		})
	}
	return nil
}

// scaled is v·f, exact for f = 1.
func scaled[T tensor.Real](v T, f float32) T {
	if f == 1 {
		return v
	}
	return T(float64(v) * float64(f))
}

func gradGemm(g *gradient) {
	a, dy := g.Node.Op.(*Gemm), g.Of(0)
	product := func(x, y *ir.Value, transX, transY bool) *ir.Value {
		return g.do(&Gemm{Alpha: a.Alpha, Beta: 1, TransA: transX, TransB: transY}, x, y)
	}
	if g.Wants(0) && a.TransA {
		g.give(0, product(g.In(1), dy, a.TransB, true))
	} else if g.Wants(0) {
		g.give(0, product(dy, g.In(1), false, !a.TransB))
	}
	if g.Wants(1) && a.TransB {
		g.give(1, product(dy, g.In(0), true, a.TransA))
	} else if g.Wants(1) {
		g.give(1, product(g.In(0), dy, !a.TransA, false))
	}
	if g.Wants(2) {
		sum := g.sumTo(dy, g.In(2))
		if a.Beta != 1 {
			sum = g.mul(sum, g.number(sum, float64(a.Beta)))
		}
		g.give(2, sum)
	}
}
