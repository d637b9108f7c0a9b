package ops

import (
	"errors"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Div is a / b. Integer quotients are truncated; division of an integer by 0 is an error.
type Div struct{}

func (*Div) Def() *ir.Def { return divOp }

var divOp = differentiable(late(binary[Div]("Div", "a / b", numericTypes, []int{1, 6, 7, 13, 14}, inferArithmetic(divDims), func(c *ir.EvalCtx) error {
	if err := refuseZero(c.In[1]); err != nil {
		return err
	}
	return arithmetic{
		float:    func(a, b float64) float64 { return a / b },
		signed:   func(a, b int64) int64 { return a / b },
		unsigned: func(a, b uint64) uint64 { return a / b },
		rows:     divRows,
	}.eval(c)
}), ir.Widening{Opset: 14, Var: "T", Types: shortTypes}), gradDiv)

func divDims(a, b ir.Dim) ir.Dim {
	if a.IsKnown() && b.IsKnown() && b.N != 0 {
		return ir.Known(a.N / b.N)
	}
	return a.Div(b)
}

// refuseZero finds integer divisors that are 0.
func refuseZero(t *tensor.Tensor) error {
	if !integerTypes.Has(t.DType()) {
		return nil
	}
	size := t.DType().Size()
	data := t.Bytes()
	for i := 0; i < len(data); i += size {
		zero := byte(0)
		for _, b := range data[i:][:size] {
			zero |= b
		}
		if zero == 0 {
			return errors.New("division of integers by 0")
		}
	}
	return nil
}

func divRows(dst, a, b []float32) {
	switch {
	case len(b) == 1:
		y := b[0]
		for i, x := range a {
			dst[i] = x / y
		}
	case len(a) == 1:
		x := a[0]
		for i, y := range b {
			dst[i] = x / y
		}
	default:
		for i, x := range a {
			dst[i] = x / b[i]
		}
	}
}

func gradDiv(g *gradient) {
	quotient := g.div(g.Of(0), g.In(1))
	if g.Wants(0) {
		g.give(0, g.sumTo(quotient, g.In(0)))
	}
	if g.Wants(1) {
		g.give(1, g.do(&Neg{}, g.sumTo(g.mul(quotient, g.Out(0)), g.In(1))))
	}
}
