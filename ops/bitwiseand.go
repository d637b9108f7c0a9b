package ops

import "github.com/onnxrun/onnxrun/ir"

// BitwiseAnd is the bits that both have.
type BitwiseAnd struct{}

func (*BitwiseAnd) Def() *ir.Def { return bitwiseAnd }

var bitwiseAnd = binary[BitwiseAnd]("BitwiseAnd", "bits that both have", integerTypes, []int{18}, inferBroadcast, arithmetic{
	signed:   func(a, b int64) int64 { return a & b },
	unsigned: func(a, b uint64) uint64 { return a & b },
}.eval)
