package zoo

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
)

// Springenberg, Dosovitskiy, Brox, Riedmiller 2015, "Striving for simplicity: the all convolutional net", All-CNN-C of
// tables 1 and 2, with its dropout: strides in place of poolings, averages in place of fully connected layers. conv7 has
// no padding.
func allCNNC(b *builder) *ir.Value {
	x := b.dropout("drop0", b.input(3, 32), 0.2)
	for i, c := range []conv{
		{out: 96, kernel: 3, pad: 1},
		{out: 96, kernel: 3, pad: 1},
		{out: 96, kernel: 3, pad: 1, stride: 2},
		{out: 192, kernel: 3, pad: 1},
		{out: 192, kernel: 3, pad: 1},
		{out: 192, kernel: 3, pad: 1, stride: 2},
		{out: 192, kernel: 3},
		{out: 192, kernel: 1},
		{out: b.opt.Classes, kernel: 1},
	} {
		x = b.relu(fmt.Sprintf("relu%d", i+1), b.conv(fmt.Sprintf("conv%d", i+1), x, c))
		if c.stride == 2 {
			x = b.dropout(fmt.Sprintf("drop%d", i+1), x, 0.5)
		}
	}
	return b.flatten("flatten", b.globalAveragePool("pool", x))
}
