package ops

import "github.com/onnxrun/onnxrun/ir"

// BitwiseXor is the bits that exactly one has.
type BitwiseXor struct{}

func (*BitwiseXor) Def() *ir.Def { return bitwiseXor }

var bitwiseXor = binary[BitwiseXor]("BitwiseXor", "bits that exactly one has", integerTypes, []int{18}, inferBroadcast, arithmetic{
	signed:   func(a, b int64) int64 { return a ^ b },
	unsigned: func(a, b uint64) uint64 { return a ^ b },
}.eval)
