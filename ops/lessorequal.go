package ops

import "github.com/onnxrun/onnxrun/ir"

// LessOrEqual is a ≤ b; false if one is NaN.
type LessOrEqual struct{}

func (*LessOrEqual) Def() *ir.Def { return lessOrEqual }

var lessOrEqual = predicate[LessOrEqual]("LessOrEqual", "a ≤ b", numericTypes, []int{12, 16}, comparison{
	float:    func(a, b float64) bool { return a <= b },
	signed:   func(a, b int64) bool { return a <= b },
	unsigned: func(a, b uint64) bool { return a <= b },
})
