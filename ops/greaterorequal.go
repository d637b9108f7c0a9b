package ops

import "github.com/onnxrun/onnxrun/ir"

// GreaterOrEqual is a ≥ b; false if one is NaN.
type GreaterOrEqual struct{}

func (*GreaterOrEqual) Def() *ir.Def { return greaterOrEqual }

var greaterOrEqual = predicate[GreaterOrEqual]("GreaterOrEqual", "a ≥ b", numericTypes, []int{12, 16}, comparison{
	float:    func(a, b float64) bool { return a >= b },
	signed:   func(a, b int64) bool { return a >= b },
	unsigned: func(a, b uint64) bool { return a >= b },
})
