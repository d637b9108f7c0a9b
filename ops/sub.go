package ops

import "github.com/onnxrun/onnxrun/ir"

// Sub is a - b. Integers wrap.
type Sub struct{}

func (*Sub) Def() *ir.Def { return subOp }

var subOp = differentiable(late(binary[Sub]("Sub", "a - b", numericTypes, []int{1, 6, 7, 13, 14}, inferArithmetic(ir.Dim.Sub), arithmetic{
	float:    func(a, b float64) float64 { return a - b },
	signed:   func(a, b int64) int64 { return a - b },
	unsigned: func(a, b uint64) uint64 { return a - b },
	rows:     subRows,
}.eval), ir.Widening{Opset: 14, Var: "T", Types: shortTypes}), gradSub)

func subRows(dst, a, b []float32) {
	switch {
	case len(b) == 1:
		y := b[0]
		for i, x := range a {
			dst[i] = x - y
		}
	case len(a) == 1:
		x := a[0]
		for i, y := range b {
			dst[i] = x - y
		}
	default:
		for i, x := range a {
			dst[i] = x - b[i]
		}
	}
}

func gradSub(g *gradient) {
	g.give(0, g.sumTo(g.Of(0), g.In(0)))
	if g.Wants(1) {
		g.give(1, g.do(&Neg{}, g.sumTo(g.Of(0), g.In(1))))
	}
}
