package ops

import "github.com/onnxrun/onnxrun/ir"

// Sum is the sum of its inputs.
type Sum struct{}

func (*Sum) Def() *ir.Def { return sumOp }

var sumOp = differentiable(older(variadic[Sum]("Sum", "sum of tensors", floatTypes, inferBroadcast, arithmetic{
	float: func(a, b float64) float64 { return a + b },
	rows:  addRows,
}.fold), downgradeSum), gradAdd)

// Before opset 8 it did not stretch its inputs, as Add does.
func downgradeSum(l *ir.Legacy) error {
	if l.Opset >= 8 || sameShapes(l.Inputs) {
		return nil
	}
	s := steps{l: l}
	return s.end(s.sum(l.Inputs))
}

// sum adds values from left to right.
func (s *steps) sum(values []*ir.Value) *ir.Value {
	sum := values[0]
	for _, v := range values[1:] {
		sum = s.do(&Add{}, sum, v)
	}
	return sum
}
