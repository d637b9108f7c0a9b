package ops

import "github.com/onnxrun/onnxrun/ir"

// Add is a + b. Integers wrap.
type Add struct{}

func (*Add) Def() *ir.Def { return addOp }

var addOp = differentiable(late(binary[Add]("Add", "a + b", numericTypes, []int{1, 6, 7, 13, 14}, inferArithmetic(ir.Dim.Add), arithmetic{
	float:    func(a, b float64) float64 { return a + b },
	signed:   func(a, b int64) int64 { return a + b },
	unsigned: func(a, b uint64) uint64 { return a + b },
	rows:     addRows,
}.eval), ir.Widening{Opset: 14, Var: "T", Types: shortTypes}), gradAdd)

func addRows(dst, a, b []float32) {
	switch {
	case len(b) == 1:
		y := b[0]
		for i, x := range a {
			dst[i] = x + y
		}
	case len(a) == 1:
		x := a[0]
		for i, y := range b {
			dst[i] = x + y
		}
	default:
		for i, x := range a {
			dst[i] = x + b[i]
		}
	}
}

func gradAdd(g *gradient) { g.eachSumTo(func(*ir.Value) *ir.Value { return g.Of(0) }) }
