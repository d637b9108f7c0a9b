package ops

import "github.com/onnxrun/onnxrun/ir"

// LessOrEqual is a ≤ b; false if one is NaN.
type LessOrEqual struct{}

func (*LessOrEqual) Def() *ir.Def { return lessOrEqual }

var lessOrEqual = older(predicate[LessOrEqual]("LessOrEqual", "a ≤ b", numericTypes, []int{12, 16}, comparison{
	float:    func(a, b float64) bool { return a <= b },
	signed:   func(a, b int64) bool { return a <= b },
	unsigned: func(a, b uint64) bool { return a <= b },
}), downgradeLessOrEqual)

// Before opset 12 it is made of two comparisons.
func downgradeLessOrEqual(l *ir.Legacy) error {
	if l.Opset >= 12 {
		return nil
	}
	s, a, b := steps{l: l}, l.In(0), l.In(1)
	return s.end(s.do(&Or{}, s.do(&Less{}, a, b), s.do(&Equal{}, a, b)))
}
