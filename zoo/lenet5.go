package zoo

import (
	"github.com/onnxrun/onnxrun/internal/initial"
	"github.com/onnxrun/onnxrun/ir"
)

// LeCun, Bottou, Bengio, Haffner 1998, "Gradient-based learning applied to document recognition", figure 2. As is
// commonly done, C3 sees all maps of S2, averages have no weights of their own, the sigmoid is a plain tanh, and OUTPUT is
// fully connected rather than a distance to drawings of the digits. Images of 28×28 with two pixels of padding stand
// for the 32×32 of the paper.
func lenet5(b *builder) *ir.Value {
	b.init = initial.Glorot
	return lenet(b, b.tanh, b.averagePool, "tanh")
}

// LeNet-5 with the parts that later networks use: rectifiers and maxima.
func lenet5Relu(b *builder) *ir.Value { return lenet(b, b.relu, b.maxPool, "relu") }

func lenet(b *builder, activation func(string, *ir.Value) *ir.Value, down func(string, *ir.Value, pool) *ir.Value, suffix string) *ir.Value {
	act := func(name string, x *ir.Value) *ir.Value { return activation(name+"/"+suffix, x) }
	x := b.input(1, 28)
	x = act("C1", b.conv("C1", x, conv{out: 6, kernel: 5, pad: 2}))
	x = down("S2", x, pool{kernel: 2, stride: 2})
	x = act("C3", b.conv("C3", x, conv{out: 16, kernel: 5}))
	x = down("S4", x, pool{kernel: 2, stride: 2})
	x = act("C5", b.conv("C5", x, conv{out: 120, kernel: 5}))
	x = act("F6", b.fc("F6", x, 84))
	return b.classifier("OUTPUT", x)
}
