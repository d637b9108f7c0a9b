package ops

import "github.com/onnxrun/onnxrun/ir"

// BitShift shifts a by b bits; bits beyond the type's width are lost.
type BitShift struct {
	Direction string `attr:"direction,required,oneof=LEFT|RIGHT"`
}

func (*BitShift) Def() *ir.Def { return bitShift }

var bitShift = binary[BitShift]("BitShift", "a shifted by b bits", unsignedTypes, []int{11}, inferBroadcast, func(c *ir.EvalCtx) error {
	shift := arithmetic{unsigned: func(a, b uint64) uint64 { return a << b }}
	if c.Op.(*BitShift).Direction == "RIGHT" {
		shift.unsigned = func(a, b uint64) uint64 { return a >> b }
	}
	return shift.eval(c)
})
