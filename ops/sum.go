package ops

import "github.com/onnxrun/onnxrun/ir"

// Sum is the sum of its inputs.
type Sum struct{}

func (*Sum) Def() *ir.Def { return sumOp }

var sumOp = variadic[Sum]("Sum", "sum of tensors", floatTypes, inferBroadcast, arithmetic{
	float: func(a, b float64) float64 { return a + b },
	rows:  addRows,
}.fold)
