package zoo

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
)

// Iandola et al. 2016, "SqueezeNet", in version 1.1 of the authors' repository, which pools earlier.
func squeezenet11(b *builder) *ir.Value {
	x := b.input(3, 224)
	half := pool{kernel: 3, stride: 2, ceil: true}
	x = b.relu("relu_conv1", b.conv("conv1", x, conv{out: 64, kernel: 3, stride: 2}))
	x = b.maxPool("pool1", x, half)
	for i, f := range []struct{ squeeze, expand int }{{16, 64}, {16, 64}, {32, 128}, {32, 128}, {48, 192}, {48, 192}, {64, 256}, {64, 256}} {
		x = b.fire(fmt.Sprintf("fire%d", i+2), x, f.squeeze, f.expand)
		if i == 1 || i == 3 {
			x = b.maxPool(fmt.Sprintf("pool%d", i+2), x, half)
		}
	}
	x = b.conv("conv10", b.dropout("drop9", x, 0.5), conv{out: b.opt.Classes, kernel: 1})
	return b.flatten("flatten", b.globalAveragePool("pool10", b.relu("relu_conv10", x)))
}

// fire is the module of figure 1.
func (b *builder) fire(name string, x *ir.Value, squeeze, expand int) *ir.Value {
	unit := func(part string, x *ir.Value, out, kernel int) *ir.Value {
		c := conv{out: out, kernel: kernel, pad: kernel / 2}
		return b.relu(name+"/relu_"+part, b.conv(name+"/"+part, x, c))
	}
	x = unit("squeeze1x1", x, squeeze, 1)
	return b.concat(name+"/concat", unit("expand1x1", x, expand, 1), unit("expand3x3", x, expand, 3))
}
