package ops

import "github.com/onnxrun/onnxrun/ir"

// Mul is a · b. Integers wrap.
type Mul struct{}

func (*Mul) Def() *ir.Def { return mulOp }

var mulOp = differentiable(late(binary[Mul]("Mul", "a · b", numericTypes, []int{1, 6, 7, 13, 14}, inferArithmetic(ir.Dim.Mul), arithmetic{
	float:    func(a, b float64) float64 { return a * b },
	signed:   func(a, b int64) int64 { return a * b },
	unsigned: func(a, b uint64) uint64 { return a * b },
	rows:     mulRows,
}.eval), ir.Widening{Opset: 14, Var: "T", Types: shortTypes}), gradMul)

func mulRows(dst, a, b []float32) {
	switch {
	case len(b) == 1:
		y := b[0]
		for i, x := range a {
			dst[i] = x * y
		}
	case len(a) == 1:
		x := a[0]
		for i, y := range b {
			dst[i] = x * y
		}
	default:
		for i, x := range a {
			dst[i] = x * b[i]
		}
	}
}

func gradMul(g *gradient) {
	for i := range 2 {
		if g.Wants(i) {
			g.give(i, g.sumTo(g.mul(g.Of(0), g.In(1-i)), g.In(i)))
		}
	}
}
