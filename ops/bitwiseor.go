package ops

import "github.com/onnxrun/onnxrun/ir"

// BitwiseOr is the bits that at least one has.
type BitwiseOr struct{}

func (*BitwiseOr) Def() *ir.Def { return bitwiseOr }

var bitwiseOr = binary[BitwiseOr]("BitwiseOr", "bits that at least one has", integerTypes, []int{18}, inferBroadcast, arithmetic{
	signed:   func(a, b int64) int64 { return a | b },
	unsigned: func(a, b uint64) uint64 { return a | b },
}.eval)
